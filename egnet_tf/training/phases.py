"""The training phases (section 4.2): what each one runs and what it trains.

backbone   the plain backbone, all of it
egn        the network with EGN; only EGN, the backbone is frozen
joint      the network with EGN, all of it: ours, for networks as small as a phone's
ensemble   the self-ensemble network, on what the frozen network makes of each
           branch
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.inference.branches import branch_images, checked_branches, shrinkage
from egnet_tf.models import (
    Variant,
    build,
    build_ensemble,
    find_weights,
    finest,
    load,
    transfer_weights,
)
from egnet_tf.training.recipe import Recipe

TITLES = {
    "backbone": "backbone",
    "egn": "+ EGN",
    "joint": "all together",
    "ensemble": "+ self-ensemble",
}


@dataclasses.dataclass(frozen=True)
class Phase:
    """One phase with its networks; make it inside a strategy's scope.

    Attributes:
        name: "backbone", "egn", "joint" or "ensemble".
        variant: what `network` was built from.
        network: see `egnet_tf.models.build`.
        ensemble: None before the ensemble phase.
        branches: what the ensemble fuses, names of `inference.branches.BRANCHES`.
    """

    name: str
    variant: Variant
    network: keras.Model
    ensemble: keras.Model | None = None
    branches: tuple[str, ...] = ()

    @classmethod
    def initial(cls, recipe: Recipe) -> Phase | None:
        """What stands in the place of a phase before the first: the initial weights.

        Raises:
            InputError: they cannot be read.
        """
        if not recipe.init_weights:
            return None
        weights = find_weights(recipe.init_weights)
        loaded = load(weights, recompute=recipe.recompute)
        return cls("initial", loaded.variant, loaded.network)

    @classmethod
    def begin(cls, name: str, recipe: Recipe, earlier: Phase | None) -> Phase:
        """Builds a phase's networks, with the weights of the phase before.

        Args:
            name: of the phase.
            recipe: of the run.
            earlier: the phase before; for the first one see `initial`.

        Raises:
            InputError: the initial weights have an EGN that this phase has not.
        """
        variant = recipe.network_variant()
        if name == "backbone":
            variant = dataclasses.replace(variant, egn=None)
        ensemble, branches = None, ()
        if name == "ensemble":
            branches = checked_branches(recipe.branches.split(","))
            ensemble = build_ensemble(variant, len(branches))
        if earlier and earlier.variant == variant:
            return cls(name, variant, earlier.network, ensemble, branches)
        if earlier and earlier.variant.egn not in (None, variant.egn):
            raise InputError(
                f"Expected --init_weights without EGN, or with that of the {name} "
                f"phase. Received: {recipe.init_weights}, with another EGN"
            )
        network = build(variant, recompute=recipe.recompute)
        if earlier:
            transfer_weights(earlier.network, network)
        return cls(name, variant, network, ensemble, branches)

    @property
    def trained(self) -> Sequence[tf.Variable]:
        """The variables that this phase changes."""
        if self.name == "ensemble":
            return self.ensemble.trainable_variables
        if self.name == "egn":
            layers = [x for x in self.network.layers if x.name.startswith("egn_")]
            return [v for layer in layers for v in layer.trainable_variables]
        return self.network.trainable_variables

    @property
    def size_multiple(self) -> int:
        """What the side of this phase's crops must be a multiple of."""
        shrink = shrinkage(self.branches) if self.branches else 1
        return shrink * self.variant.size_multiple

    def restore(self, blurry: tf.Tensor) -> dict[str, tf.Tensor]:
        """The images by stage that this phase's loss is summed over.

        Args:
            blurry: (B, H, W, 3) in [0, 1].
        """
        if self.name != "ensemble":
            return self.network(blurry, training=True)
        images = branch_images(
            lambda image: finest(self.network(image, training=False)),
            blurry,
            self.branches,
        )
        return {"restored": self.ensemble([tf.stop_gradient(i) for i in images])}
