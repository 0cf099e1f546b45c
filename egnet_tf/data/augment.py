"""Augmentation that changes both images of a pair in the same way."""

from __future__ import annotations

import dataclasses

import numpy as np

from egnet_tf.data.pairs import Pair
from egnet_tf.options import option


@dataclasses.dataclass(frozen=True)
class Augment:
    """Which changes to make; the defaults are the paper's.

    Each is made with probability 1/2: with both, all eight orientations of the square
    are equally likely.
    """

    flips: bool = option(True, "Flip pairs at random, left-right and upside-down.")
    rotate90: bool = option(False, "Rotate pairs at random by 90 degrees.")


def augmented(pair: Pair, augment: Augment, rng: np.random.Generator) -> Pair:
    """Applies the changes to a square crop, uint8 (S, S, 3) each.

    Returns:
        The changed pair, uint8, same shape; contiguous in memory.
    """
    blurry, sharp = pair
    if augment.flips:
        down, across = 1 - 2 * rng.integers(0, 2, size=2)
        blurry, sharp = (x[::down, ::across] for x in (blurry, sharp))
    if augment.rotate90 and rng.integers(0, 2):
        blurry, sharp = (np.rot90(x) for x in (blurry, sharp))
    return Pair(np.ascontiguousarray(blurry), np.ascontiguousarray(sharp))
