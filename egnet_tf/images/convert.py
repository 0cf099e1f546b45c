"""Integers to floating point and back, and padding by reflection."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PEAKS = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
"""The integer types of images, each with the number that stands for 1."""


def to_float(image: np.ndarray) -> np.ndarray:
    """Returns uint8, uint16, or floating point in [0, 1] as float32 in [0, 1]."""
    peak = PEAKS.get(image.dtype, 1)
    return np.divide(image, np.float32(peak), dtype=np.float32)


def from_float(values: np.ndarray, dtype: npt.DTypeLike) -> np.ndarray:
    """Returns values clipped to [0, 1] in the type of an image, integers rounded.

    The type is uint8, uint16 or floating point.
    """
    dtype = np.dtype(dtype)
    clipped = np.clip(values, 0.0, 1.0)
    if dtype in PEAKS:
        clipped *= np.float32(PEAKS[dtype])
        np.rint(clipped, out=clipped)
    return clipped.astype(dtype)


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Returns values in [0, 1] as uint8: clipped, then rounded to the nearest level."""
    return from_float(values, np.uint8)


def reflect_pad(images: np.ndarray, bottom: int, right: int) -> np.ndarray:
    """Pads (..., H, W, C) at bottom and right by reflection: `1234 -> 1234 321`.

    The border itself is not repeated. An image smaller than its padding is reflected
    again and again; a single pixel is repeated.

    Returns:
        (..., H + bottom, W + right, C).
    """
    padding = [(0, 0)] * (images.ndim - 3) + [(0, bottom), (0, right), (0, 0)]
    return np.pad(images, padding, mode="reflect")
