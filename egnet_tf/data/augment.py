"""Augmentation that changes both images of a pair in the same way."""

from __future__ import annotations

import dataclasses

import numpy as np

from egnet_tf.data.pairs import Pair


@dataclasses.dataclass(frozen=True)
class Augment:
    """Which changes to make; the defaults are the paper's.

    Attributes:
        flips: left-right and upside-down, each with probability 1/2.
        rotate90: a rotation by 90 degrees with probability 1/2; with `flips`, all eight
            orientations of the square are equally likely.
        saturation: the largest relative change of the saturation; 0.2 draws the
            factor from [0.8, 1.2].
        channel_shuffle: puts the colour channels into random order.
    """

    flips: bool = True
    rotate90: bool = False
    saturation: float = 0.0
    channel_shuffle: bool = False


_LUMA = np.float32([0.299, 0.587, 0.114])


def augmented(pair: Pair, augment: Augment, rng: np.random.Generator) -> Pair:
    """Applies the changes to a square crop.

    Saturation with factor f is  L + f (x - L),  L the Rec. 601 luma of x.

    Args:
        pair: uint8 (S, S, 3) each.
        augment: which changes.
        rng: the only source of chance.

    Returns:
        The changed pair, uint8, same shape; contiguous in memory.
    """
    blurry, sharp = pair
    if augment.flips:
        down, across = 1 - 2 * rng.integers(0, 2, size=2)
        blurry, sharp = (x[::down, ::across] for x in (blurry, sharp))
    if augment.rotate90 and rng.integers(0, 2):
        blurry, sharp = (np.rot90(x) for x in (blurry, sharp))
    if augment.channel_shuffle:
        order = rng.permutation(3)
        blurry, sharp = (x[..., order] for x in (blurry, sharp))
    if augment.saturation:
        factor = 1 + augment.saturation * rng.uniform(-1.0, 1.0)
        blurry, sharp = (_saturated(x, factor) for x in (blurry, sharp))
    return Pair(np.ascontiguousarray(blurry), np.ascontiguousarray(sharp))


def _saturated(image: np.ndarray, factor: float) -> np.ndarray:
    colours = image.astype(np.float32)
    luma = (colours @ _LUMA)[..., None]
    return np.clip(np.rint(luma + factor * (colours - luma)), 0, 255).astype(np.uint8)
