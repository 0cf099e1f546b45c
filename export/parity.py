"""Compares an exported model with the Keras model it came from, on photographs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from egnet_tf.data import open_pairs
from egnet_tf.errors import InputError

Restore = Callable[[np.ndarray], np.ndarray]


def photo_tiles(tile: int) -> Iterator[np.ndarray]:
    """The middle of each held-out sample photograph, blurred by camera shake.

    Args:
        tile: side in pixels.

    Yields:
        float32 (1, tile, tile, 3) in [0, 1].
    """
    pairs = open_pairs("samples", split="test", seed=0)
    for index in range(len(pairs)):
        blurry = pairs.read(index).blurry
        # Mirrored where the photograph is smaller than the tile.
        missing = [max(0, tile - side) for side in blurry.shape[:2]]
        blurry = np.pad(blurry, [(0, missing[0]), (0, missing[1]), (0, 0)], "reflect")
        top, left = ((side - tile) // 2 for side in blurry.shape[:2])
        window = blurry[top : top + tile, left : left + tile]
        yield window[None].astype(np.float32) / 255


def largest_difference(one: Restore, other: Restore, tile: int) -> float:
    """The largest difference of a value in [0, 1] over all `photo_tiles`."""
    return max(
        float(np.max(np.abs(one(image) - other(image)))) for image in photo_tiles(tile)
    )


def write_checked(
    path: Path,
    content: bytes,
    open_file: Callable[[Path], Restore],
    restore: Restore,
    tile: int,
    tolerance: float,
) -> float:
    """Writes an exported model once it has been run and found to be right.

    Args:
        path: where to.
        content: of the file.
        open_file: makes a function of the written file.
        restore: what it must compute.
        tile: side of the tiles in pixels.
        tolerance: the largest difference of a value in [0, 1].

    Returns:
        The largest difference on `photo_tiles`.

    Raises:
        InputError: it is above the tolerance; nothing is written.
    """
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        temporary.write_bytes(content)
        difference = largest_difference(open_file(temporary), restore, tile)
        # Not `>`: a NaN must not pass.
        if not difference <= tolerance:
            raise InputError(
                f"Expected {path.name} to differ from Keras by at most {tolerance:g}; "
                f"nothing written. Received: {difference:g}"
            )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return difference
