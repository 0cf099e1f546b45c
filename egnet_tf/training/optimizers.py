"""The optimizers by name, and the learning rate's schedule."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.training.recipe import Recipe

_SWA_SHARE = 0.75
"""Share of a phase after which SWA begins to average (Izmailov et al. 2018)."""
_SWA_EVERY = 10


def cosine_schedule(recipe: Recipe, steps: int):
    """The learning rate of a phase by update: warm-up, then half a cosine."""
    return keras.optimizers.schedules.CosineDecay(
        0.0 if recipe.warmup_steps else recipe.learning_rate,
        max(1, steps - recipe.warmup_steps),
        alpha=recipe.final_learning_rate / recipe.learning_rate,
        warmup_target=recipe.learning_rate if recipe.warmup_steps else None,
        warmup_steps=recipe.warmup_steps,
    )


def make_optimizer(recipe: Recipe, schedule, steps: int, variables: Sequence):
    """Makes a recipe's optimizer with its state; inside the strategy's scope.

    Args:
        recipe: names it.
        schedule: of the learning rate.
        steps: of the phase.
        variables: to train. Those with fewer than two axes (biases, PReLU's slope)
            do not decay.

    Raises:
        InputError: one of tensorflow-addons' where that is not installed, or a weight
            decay for an optimizer without.
    """
    name = recipe.optimizer
    if name == "adamw":
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
        kept = [v for v in variables if len(v.shape) < 2]
        optimizer.exclude_from_weight_decay(kept)
    elif recipe.weight_decay:
        raise InputError(
            "Expected --optimizer=adamw with a weight decay. "
            f"Received: --optimizer={name} --weight_decay={recipe.weight_decay}"
        )
    elif name == "adam":
        optimizer = keras.optimizers.Adam(schedule)
    else:
        optimizer = _of_addons(name, schedule, steps)
        # A legacy optimizer of Keras: it has no build().
        optimizer._create_all_weights(variables)
        return optimizer
    optimizer.build(variables)
    return optimizer


def adopt_final_weights(optimizer, variables: Sequence) -> None:
    """After the last step: SWA puts its averages in the place of the weights."""
    if hasattr(optimizer, "assign_average_vars"):
        optimizer.assign_average_vars(variables)


def _of_addons(name: str, schedule, steps: int):
    try:
        import tensorflow_addons.optimizers as addons
    except ImportError:
        raise InputError(
            f"Expected the extra `addons` for --optimizer={name}: in a Python 3.9 to "
            "3.11, pip install 'egnet-tf[addons]' (TensorFlow 2.15.1). "
            f"Received: TensorFlow {tf.__version__} without tensorflow-addons"
        ) from None
    if name == "lamb":
        return addons.LAMB(schedule)
    if name == "radam":
        return addons.RectifiedAdam(schedule)
    if name == "lookahead":
        return addons.Lookahead(addons.RectifiedAdam(schedule))
    adam = tf.keras.optimizers.legacy.Adam(schedule)
    return addons.SWA(adam, int(_SWA_SHARE * steps), _SWA_EVERY)
