"""What is exported, and the images that the exported file is checked on."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from egnet_tf.data import Pair, Pairs
from egnet_tf.images.convert import to_float
from egnet_tf.inference import Restorer
from egnet_tf.inference.resolve import resolve
from export.checks.images import check_pairs

if TYPE_CHECKING:
    import keras

    from egnet_tf.models import LoadedModel


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
    """

    model: str
    loaded: LoadedModel
    branches: tuple[str, ...]
    pairs: Sequence[Pair]
    dataset: str

    @property
    def name(self) -> str:
        """The name that the exported files begin with."""
        return Path(self.model).resolve().name

    @property
    def ensemble(self) -> keras.Model | None:
        """The trained ensemble of these branches; None if they are averaged."""
        trained = self.branches == self.loaded.branches
        return self.loaded.ensemble if trained else None

    @functools.cached_property
    def restored_by_keras(self) -> list[np.ndarray]:
        """The windows as the Keras model restores them, float32 in [0, 1]."""
        from egnet_tf.inference.runners.tensorflow import KerasRunner

        runner = KerasRunner(self.loaded.network, self.loaded.size_multiple)
        restorer = Restorer(
            runner, ensemble=self.ensemble, branches=self.branches, tile=0
        )
        return [restorer(to_float(pair.blurry)) for pair in self.pairs]


def open_source(
    model: str,
    pairs: Pairs,
    dataset: str,
    *,
    branches: Sequence[str] | None,
    size: tuple[int, int],
    limit: int,
) -> Source:
    """Loads the model and cuts the images for the check.

    Args:
        model: a run's folder, or a variant whose weights come with the package.
        pairs: the dataset of the check.
        dataset: its title.
        branches: of the self-ensemble; None for those that the model's ensemble was
            trained for, or the whole image if it has none.
        size: height and width of the windows in pixels.
        limit: the largest number of windows.

    Raises:
        InputError: there is no such model or branch, or an image cannot be read.
    """
    weights = resolve(model).weights()
    windows = check_pairs(pairs, size, limit)
    # Imported after these checks, because TensorFlow takes seconds.
    from egnet_tf import models
    from egnet_tf.inference.branches import checked_branches

    loaded = models.load(weights)
    branches = checked_branches(branches or loaded.branches or ("whole",))
    return Source(model, loaded, branches, windows, dataset)
