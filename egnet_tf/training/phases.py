"""The paper's training phases (section 4.2): what each one runs and what it trains.

backbone   the plain backbone, all of it
egn        the network with EGN; only EGN, the backbone is frozen
ensemble   the self-ensemble network, on what the frozen network makes of each
           branch
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import tensorflow as tf

from egnet_tf.inference.branches import PAPER_BRANCHES, branch_images, shrinkage
from egnet_tf.models import (
    Variant,
    build,
    build_ensemble,
    finest,
    transfer_weights,
)

TITLES = {"backbone": "backbone", "egn": "+ EGN", "ensemble": "+ self-ensemble"}


@dataclasses.dataclass(frozen=True)
class Phase:
    """One phase with its networks; make it inside a strategy's scope.

    Attributes:
        name: "backbone", "egn" or "ensemble".
        variant: what `network` was built from.
        network: see `egnet_tf.models.build`.
        ensemble: None before the ensemble phase.
    """

    name: str
    variant: Variant
    network: keras.Model
    ensemble: keras.Model | None = None

    @classmethod
    def begin(
        cls, name: str, variant: Variant, earlier: Phase | None, recompute: bool
    ) -> Phase:
        """Builds a phase's networks, with the weights of the phase before.

        Args:
            name: of the phase.
            variant: of the recipe, with EGN or without.
            earlier: the phase before, None for the first one.
            recompute: see `egnet_tf.models.mprnet`.
        """
        if name == "backbone":
            variant = dataclasses.replace(variant, egn=None)
        ensemble = None
        if name == "ensemble":
            ensemble = build_ensemble(variant, len(PAPER_BRANCHES))
        if earlier and earlier.variant == variant:
            return cls(name, variant, earlier.network, ensemble)
        network = build(variant, recompute=recompute)
        if earlier:
            transfer_weights(earlier.network, network)
        return cls(name, variant, network, ensemble)

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
        shrink = shrinkage(PAPER_BRANCHES) if self.name == "ensemble" else 1
        return shrink * self.variant.size_multiple

    def restore(self, blurry: tf.Tensor) -> dict[str, tf.Tensor]:
        """The pictures by stage that this phase's loss is summed over.

        Args:
            blurry: (B, H, W, 3) in [0, 1].
        """
        if self.name != "ensemble":
            return self.network(blurry, training=True)
        images = branch_images(
            lambda image: finest(self.network(image, training=False)), blurry
        )
        return {"restored": self.ensemble([tf.stop_gradient(i) for i in images])}
