"""Peak signal-to-noise ratio of 8-bit pictures."""

from __future__ import annotations

import math

import numpy as np

from egnet_tf.metrics.picture_check import require_comparable


def psnr(restored: np.ndarray, sharp: np.ndarray) -> float:
    """PSNR over all RGB values together: 10 log10(255^2 / MSE).

    This is MATLAB's `psnr` of two uint8 pictures, which the published GoPro and HIDE
    numbers use.

    Args:
        restored: uint8 (H, W, 3).
        sharp: uint8 (H, W, 3).

    Returns:
        The ratio in dB; infinity for identical pictures.

    Raises:
        InputError: the pictures cannot be compared.
    """
    require_comparable(restored, sharp)
    difference = restored.astype(np.int64) - sharp
    squared_error = int(np.sum(difference * difference))
    if squared_error == 0:
        return math.inf
    return 10.0 * math.log10(255.0**2 * difference.size / squared_error)
