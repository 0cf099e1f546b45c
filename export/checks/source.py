"""What is exported, and the images that the exported file is checked on."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from egnet_tf import models
from egnet_tf.data import Pair
from egnet_tf.images.convert import to_float
from egnet_tf.inference import Restorer
from egnet_tf.inference.branches import Fusion, chosen_fusion


@dataclasses.dataclass(frozen=True)
class Source:
    """A trained model with the images for the check.

    Attributes:
        model: as the user named it: a run's folder or a variant.
        loaded: its networks.
        branches: of the self-ensemble, fused inside the file; ("whole",) restores
            the image once.
        pairs: windows of images, uint8.
        dataset: what the windows are cut from, such as "samples test".
        fuse: "mean" averages the branches although there is an ensemble for them.
    """

    model: str
    loaded: models.LoadedModel
    branches: tuple[str, ...]
    pairs: Sequence[Pair]
    dataset: str
    fuse: str | None = None

    def __post_init__(self):
        """Puts the branches into the order in which the ensemble takes them."""
        object.__setattr__(self, "branches", self._fusion.branches)

    @property
    def _fusion(self) -> Fusion:
        return chosen_fusion(self.branches, self.loaded.branches, self.fuse)

    @property
    def name(self) -> str:
        """The name that the exported files begin with."""
        return Path(self.model).resolve().name

    @property
    def ensemble(self):
        """The trained ensemble of these branches; None if they are averaged."""
        return self.loaded.ensemble if self._fusion.trained else None

    @functools.cached_property
    def restored_by_keras(self) -> list[np.ndarray]:
        """The windows as the Keras model restores them, float32 in [0, 1]."""
        from egnet_tf.inference.runners.tensorflow import KerasRunner

        runner = KerasRunner(self.loaded.network, self.loaded.size_multiple)
        restorer = Restorer(
            runner, ensemble=self.ensemble, branches=self.branches, tile=0
        )
        return [restorer(to_float(pair.blurry)) for pair in self.pairs]
