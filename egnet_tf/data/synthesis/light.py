"""Stored sRGB values and the linear light that they stand for."""

from __future__ import annotations

import numpy as np


def srgb_to_linear(values: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1: sRGB values in [0, 1] to linear light in [0, 1]."""
    return np.where(
        values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4
    )


def linear_to_srgb(values: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1: linear light in [0, 1] to sRGB values in [0, 1]."""
    values = np.clip(values, 0.0, 1.0)
    return np.where(
        values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055
    )
