"""The one interface of every dataset: named pairs of a blurry and a sharp image."""

from __future__ import annotations

import abc
import functools
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

BLURRY = ("blurry",)
"""`Pairs.inputs` of the usual datasets."""


class Pair(NamedTuple):
    """A blurry image and the sharp one of the same moment, of equal size.

    Both are uint8 RGB in the sRGB encoding, shape (H, W, 3); but see `Pairs.inputs`.
    """

    blurry: np.ndarray
    sharp: np.ndarray


class Pairs(abc.ABC):
    """A dataset: names, whole images for evaluation, crops for training.

    Opening one reads no pixels. Methods may be called from several threads.

    Attributes:
        names: one unique name a pair; for an image file, its path inside the
            dataset without the suffix.
        inputs: what the channels of `Pair.blurry` are, three each: the blurry image,
            or the titles of the methods that restored it (the dataset `results`).
    """

    names: tuple[str, ...]
    inputs: tuple[str, ...] = BLURRY

    def images_of(self, blurry: np.ndarray) -> dict[str, np.ndarray]:
        """Takes `Pair.blurry` apart: the images (H, W, 3) by the names of `inputs`."""
        parts = np.split(blurry, len(self.inputs), axis=-1)
        return dict(zip(self.inputs, parts, strict=True))

    def __len__(self) -> int:
        """The number of pairs."""
        return len(self.names)

    @abc.abstractmethod
    def read(self, index: int) -> Pair:
        """Reads whole images; the same index always gives the same pixels.

        Raises:
            InputError: a file is missing or damaged, or the sizes differ.
        """

    def crop(self, index: int, size: int, rng: np.random.Generator) -> Pair:
        """Cuts the same random square window, `size` pixels a side, out of both images.

        Returns:
            A `Pair` of shape (size, size, 3). An image smaller than the window
            is mirrored beyond its right and bottom border first.

        Raises:
            InputError: as `read`.
        """
        pair = self.read(index)
        height, width = pair.sharp.shape[:2]
        top, left = random_corner(height, width, size, rng)
        return Pair(*(window(image, top, left, size, size) for image in pair))

    def source_files(self) -> Iterable[Path]:
        """The files that the pairs are made from, each once, in a fixed order."""
        return ()

    def draw(self, number: int, seed: int) -> int:
        """Returns the index of the pair that the training sample of that number uses.

        Every epoch, `len(self)` samples, uses each pair once, in an order that depends
        on the run's seed and the epoch alone: sample `number` (0, 1, 2, ... through the
        whole of training) can be made without those before it.
        """
        return shuffled(number, len(self), seed)


def shuffled(number: int, count: int, seed: int) -> int:
    """Element `number` of 0..count-1 repeated for ever, each round reshuffled."""
    epoch, position = divmod(number, count)
    return int(_permutation(count, seed, epoch)[position])


# Parallel readers straddle at most two epochs of a handful of sources.
@functools.lru_cache(maxsize=16)
def _permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng((seed, 0, epoch)).permutation(count)


def random_corner(
    height: int, width: int, size: int, rng: np.random.Generator
) -> tuple[int, int]:
    """Top and left of a random window; 0 along an axis shorter than the window."""
    top = int(rng.integers(max(height - size, 0) + 1))
    left = int(rng.integers(max(width - size, 0) + 1))
    return top, left


def window(
    image: np.ndarray, top: int, left: int, height: int, width: int
) -> np.ndarray:
    """Cuts a window of an image (H, W, C) that may reach beyond it.

    It is mirrored there; `top` and `left` may be negative.

    Returns:
        (height, width, C), a copy. Pixel -1 is pixel 1 (the border itself is not
        repeated), however far the window reaches.
    """
    rows = slice(max(top, 0), top + height)
    columns = slice(max(left, 0), left + width)
    inside = image[rows, columns]
    if inside.shape[:2] == (height, width):
        return inside.copy()
    rows = _mirrored(np.arange(top, top + height), image.shape[0])
    columns = _mirrored(np.arange(left, left + width), image.shape[1])
    return image[rows[:, None], columns]


def _mirrored(positions: np.ndarray, length: int) -> np.ndarray:
    period = max(2 * (length - 1), 1)
    positions = np.abs(positions) % period
    return np.minimum(positions, period - positions) if length > 1 else positions * 0
