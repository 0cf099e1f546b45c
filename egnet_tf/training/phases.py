"""The training phases (section 4.2): what each one runs and what it trains.

backbone   runs and trains the plain backbone
egn        runs the network with EGN and trains EGN only; the backbone is frozen
joint      runs and trains the network with EGN; not in the paper, for networks small
           enough for a phone
ensemble   runs the frozen network on each branch and trains the self-ensemble network
           on its outputs
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.inference.branches import (
    PAPER_BRANCHES,
    branch_images,
    shrinkage,
)
from egnet_tf.inference.resolve import resolve
from egnet_tf.models import (
    LoadedModel,
    Variant,
    build,
    build_ensemble,
    finest,
    load,
    transfer_weights,
)
from egnet_tf.models.initial_spread import use_pytorch_spread

TITLES = {
    "backbone": "backbone",
    "egn": "+ EGN",
    "joint": "all together",
    "ensemble": "+ self-ensemble",
}


@dataclasses.dataclass(frozen=True)
class Phase:
    """A phase with its networks; create it inside the strategy's scope.

    Attributes:
        name: "backbone", "egn", "joint" or "ensemble".
        variant: what `network` was built from.
        network: see `egnet_tf.models.build`.
        ensemble: None before the ensemble phase.
        branches: what the ensemble fuses, names of `inference.branches`, in order.
    """

    name: str
    variant: Variant
    network: keras.Model
    ensemble: keras.Model | None = None
    branches: tuple[str, ...] = ()

    @classmethod
    def initial(cls, init_weights: str, *, recompute: bool = False) -> Phase | None:
        """Returns what precedes the first phase: the initial weights, if any.

        They are those of a run, or of a variant with shipped weights; "" is for none.

        Raises:
            InputError: they cannot be read.
        """
        if not init_weights:
            return None
        loaded = load(resolve(init_weights).weights(), recompute=recompute)
        return cls("initial", loaded.variant, loaded.network)

    @classmethod
    def begin(
        cls,
        name: str,
        variant: Variant,
        earlier: Phase | None,
        *,
        branches: Sequence[str] = PAPER_BRANCHES,
        recompute: bool = False,
        pytorch_spread: bool = False,
    ) -> Phase:
        """Builds a phase's networks, with the weights of the phase before.

        The backbone phase leaves out the variant's EGN; `branches` are what the
        ensemble phase fuses, in order. What comes before the first phase is `initial`.
        New weights are drawn as PyTorch does with `pytorch_spread`.

        Raises:
            InputError: the initial weights have an EGN that this phase does not have.
        """
        if name == "backbone":
            variant = dataclasses.replace(variant, egn=None)
        ensemble, fused = None, ()
        if name == "ensemble":
            fused = tuple(branches)
            ensemble = build_ensemble(variant, len(fused))
            if pytorch_spread:
                use_pytorch_spread(ensemble)
        if earlier and earlier.variant == variant:
            return cls(name, variant, earlier.network, ensemble, fused)
        if earlier and earlier.variant.egn not in (None, variant.egn):
            raise InputError(
                f"Expected --init_weights without EGN, or with that of the {name} "
                "phase. Received: weights with another EGN"
            )
        network = build(variant, recompute=recompute)
        if pytorch_spread:
            use_pytorch_spread(network)
        if earlier:
            transfer_weights(earlier.network, network)
        return cls(name, variant, network, ensemble, fused)

    @property
    def trained(self) -> Sequence[tf.Variable]:
        """The variables that this phase changes."""
        if self.ensemble is not None:
            return self.ensemble.trainable_variables
        if self.name == "egn":
            layers = [x for x in self.network.layers if x.name.startswith("egn_")]
            return [v for layer in layers for v in layer.trainable_variables]
        return self.network.trainable_variables

    def average_branches(self) -> None:
        """Makes the self-ensemble what it starts as: the mean of its branches."""
        assert self.ensemble is not None
        for variable in self.ensemble.get_layer("logits").trainable_variables:
            variable.assign(tf.zeros_like(variable))

    def model(self, crop: int) -> LoadedModel:
        """The networks as they are, trained on crops of that side in pixels."""
        return LoadedModel(
            self.variant, self.network, self.ensemble, self.branches, crop
        )

    @property
    def stages(self) -> Sequence[str]:
        """The names of the stages that `restore` returns."""
        return ("restored",) if self.ensemble is not None else list(self.network.output)

    def check_crop(self, size: int) -> None:
        """Checks the side of the training crops.

        Raises:
            InputError: this phase's networks do not take it.
        """
        shrink = shrinkage(self.branches) if self.branches else 1
        multiple = shrink * self.variant.size_multiple
        if size % multiple:
            raise InputError(
                f"Expected --crop to be a multiple of {multiple} in the {self.name} "
                f"phase. Received: {size}"
            )

    def restore(self, blurry: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the images by stage, (B, H, W, 3) each, that the loss sums over."""
        if self.ensemble is None:
            return self.network(blurry, training=True)
        images = branch_images(
            lambda image: finest(self.network(image, training=False)),
            blurry,
            self.branches,
            size_multiple=self.variant.size_multiple,
        )
        return {"restored": self.ensemble([tf.stop_gradient(i) for i in images])}


def tensorflow_variables(variables: Sequence[Any]) -> list[tf.Variable]:
    """Returns variables as TensorFlow knows them: Keras 3 wraps them, Keras 2 not."""
    return [v if isinstance(v, tf.Variable) else v.value for v in variables]
