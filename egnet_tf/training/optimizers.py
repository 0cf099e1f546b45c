"""The optimizers by name, and the learning rate's schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from egnet_tf.errors import InputError, require

Optimizer = Any
"""A keras.optimizers.Optimizer, or a legacy one: tensorflow-addons' are."""

Schedule = Any
"""A keras.optimizers.schedules.LearningRateSchedule."""

_SWA_SHARE = 0.75
"""Share of a phase after which SWA begins to average (Izmailov et al. 2018)."""
_SWA_EVERY = 10


def cosine_schedule(
    steps: int, learning_rate: float, final_learning_rate: float, warmup_steps: int = 0
) -> Schedule:
    """Makes the learning rate of a phase.

    It rises linearly from 0 to `learning_rate`, then falls as half a cosine to
    `final_learning_rate` at the last step.
    """
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup_steps else learning_rate,
        max(1, steps - warmup_steps),
        alpha=final_learning_rate / learning_rate,
        warmup_target=learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )


def make_optimizer(
    name: str,
    schedule: Schedule,
    variables: Sequence[Any],
    *,
    steps: int,
    weight_decay: float = 0.0,
    epsilon: float = 1e-8,
    beta_2: float = 0.999,
) -> Optimizer:
    """Makes an optimizer with its state; inside the strategy's scope.

    Args:
        name: "adam", "adamw", or one of tensorflow-addons': "radam", "lookahead",
            "lamb", "swa".
        schedule: the schedule of the learning rate.
        variables: to train. Those with fewer than two axes (biases, PReLU's slope)
            do not decay.
        steps: how many steps the phase has.
        weight_decay: decoupled from the gradient; of "adamw" only.
        epsilon: of "adam" and "adamw", added to the root of the second moment.
        beta_2: of "adam" and "adamw", the decay of the second moment.

    Raises:
        InputError: one of tensorflow-addons' where that is not installed, or a weight
            decay for an optimizer without.
    """
    if name == "adamw":
        optimizer = keras.optimizers.AdamW(
            schedule, weight_decay=weight_decay, beta_2=beta_2, epsilon=epsilon
        )
        kept = [v for v in variables if len(v.shape) < 2]
        optimizer.exclude_from_weight_decay(kept)
    elif weight_decay:
        raise InputError(
            "Expected --optimizer=adamw with a weight decay. "
            f"Received: --optimizer={name} --weight_decay={weight_decay}"
        )
    elif name == "adam":
        optimizer = keras.optimizers.Adam(schedule, beta_2=beta_2, epsilon=epsilon)
    else:
        optimizer = _addons_optimizer(name, schedule, steps)
        # A legacy optimizer of Keras: it has no build().
        optimizer._create_all_weights(variables)
        return optimizer
    optimizer.build(variables)
    return optimizer


def adopt_final_weights(optimizer: Optimizer, variables: Sequence[Any]) -> None:
    """Replaces the weights by SWA's averages, after the last step; others keep them."""
    if hasattr(optimizer, "assign_average_vars"):
        optimizer.assign_average_vars(variables)


def _addons_optimizer(name: str, schedule: Schedule, steps: int) -> Optimizer:
    require("tensorflow_addons")
    import tensorflow_addons.optimizers as addons  # pyright: ignore

    if name == "lamb":
        return addons.LAMB(schedule)
    if name == "radam":
        return addons.RectifiedAdam(schedule)
    if name == "lookahead":
        return addons.Lookahead(addons.RectifiedAdam(schedule))
    adam = tf.keras.optimizers.legacy.Adam(schedule)
    return addons.SWA(adam, int(_SWA_SHARE * steps), _SWA_EVERY)
