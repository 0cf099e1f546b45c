"""How much of a restoration is kept: between the blurry image and the restored one.

The page and the app blend by the same formula, so that all three give the same pixels:

    blended = (1 - s) blurry + s restored,   s in [0, 1]

on the values as they are stored (not in linear light), in double precision; integers
are rounded to the nearest, halves up. It is exact at 0 and 1.
"""

from __future__ import annotations

import numpy as np

from egnet_tf.errors import InputError
from egnet_tf.images.convert import PEAKS

_ROWS = 64
"""How many rows are blended at once, so that double precision takes little memory."""


def check_strength(strength: float) -> None:
    """Raises an `InputError` unless the strength is a number from 0 to 1."""
    if not 0 <= strength <= 1:  # Also catches NaN.
        raise InputError(f"Expected a strength from 0 to 1. Received: {strength}")


def blend(
    blurry: np.ndarray, restored: np.ndarray, strength: float, out: np.ndarray
) -> None:
    """Writes (1 - strength) blurry + strength restored.

    Args:
        blurry: (..., H, W, 3), uint8, uint16 or floating point.
        restored: of the same shape and type.
        strength: from 0, the blurry image, to 1, the restored one.
        out: of the same shape and type; may be one of them.
    """
    for first in range(0, blurry.shape[-3], _ROWS):
        rows = (..., slice(first, first + _ROWS), slice(None), slice(None))
        mixed = np.multiply(blurry[rows], 1 - strength, dtype=np.float64)
        mixed += np.multiply(restored[rows], strength, dtype=np.float64)
        if out.dtype in PEAKS:
            mixed += 0.5
            np.floor(mixed, out=mixed)
        out[rows] = mixed
