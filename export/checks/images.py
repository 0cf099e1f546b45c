"""The images that an export is calibrated with and checked on."""

from __future__ import annotations

import numpy as np

from egnet_tf.data import Pair, Pairs
from egnet_tf.errors import InputError
from egnet_tf.images.convert import reflect_pad

ODD_SIZE = (203, 251)
"""Height and width of the windows for formats of any size: a multiple of nothing, so
that padding and cropping are checked too."""


def check_pairs(pairs: Pairs, size: tuple[int, int], limit: int) -> list[Pair]:
    """Cuts images into as many windows as fit side by side, centred.

    An image smaller than the window is reflected at its bottom and right first. If
    there are more windows than the limit, each image gives one in turn.

    Returns:
        Pairs of uint8 (height, width, 3).

    Raises:
        InputError: the dataset is empty or an image cannot be read.
    """
    if not len(pairs):
        raise InputError("Expected a dataset with images. Received: none")
    by_image: list[list[Pair]] = []
    for index in range(min(len(pairs), limit)):
        pair = _at_least(pairs.read(index), size)
        sides = pair.sharp.shape[:2]
        tops, lefts = (
            range((side - length * (side // length)) // 2, side - length + 1, length)
            for side, length in zip(sides, size, strict=True)
        )
        by_image.append(
            [
                Pair(*(p[y : y + size[0], x : x + size[1]] for p in pair))
                for y in tops
                for x in lefts
            ]
        )
    rounds = max(map(len, by_image))
    in_turn = [ws[k] for k in range(rounds) for ws in by_image if k < len(ws)]
    return in_turn[:limit]


def calibration_crops(pairs: Pairs, side: int, count: int) -> list[np.ndarray]:
    """Random crops of blurry images, for the ranges of a quantised network.

    Returns:
        Crops, uint8 (side, side, 3); the same for the same arguments.
    """
    rng = np.random.default_rng(0)
    return [
        pairs.crop(pairs.draw(number, seed=0), side, rng).blurry
        for number in range(count)
    ]


def _at_least(pair: Pair, size: tuple[int, int]) -> Pair:
    bottom, right = (
        max(0, length - side)
        for length, side in zip(size, pair.sharp.shape[:2], strict=True)
    )
    return Pair(*(reflect_pad(image, bottom, right) for image in pair))
