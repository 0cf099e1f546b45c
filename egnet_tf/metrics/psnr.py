"""Peak signal-to-noise ratio of 8-bit images, and what all metrics require of them."""

from __future__ import annotations

import math

import numpy as np

from egnet_tf.errors import InputError


def psnr(restored: np.ndarray, sharp: np.ndarray) -> float:
    """PSNR over all RGB values of uint8 (H, W, 3) images: 10 log10(255^2 / MSE).

    This is MATLAB's `psnr` of two uint8 images, which the published GoPro and HIDE
    numbers use.

    Returns:
        The ratio in dB; infinity for identical images.

    Raises:
        InputError: the images cannot be compared.
    """
    require_comparable(restored, sharp)
    difference = restored.astype(np.int64) - sharp
    squared_error = int(np.sum(difference * difference))
    if squared_error == 0:
        return math.inf
    return 10.0 * math.log10(255.0**2 * difference.size / squared_error)


def require_comparable(restored: np.ndarray, sharp: np.ndarray) -> None:
    """Checks that two images are uint8 (H, W, 3) RGB of one size.

    Raises:
        InputError: the types, the numbers of channels or the sizes differ.
    """
    for name, image in (("restored", restored), ("sharp", sharp)):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise InputError(
                f"Expected the {name} image as uint8 (height, width, 3). "
                f"Received: {image.dtype} {image.shape}"
            )
    if restored.shape != sharp.shape or restored.size == 0:
        raise InputError(
            "Expected the restored and the sharp image to have one size above zero. "
            f"Received: {restored.shape} and {sharp.shape}"
        )


def require_window(image: np.ndarray, window: int) -> None:
    """Checks that a square window of `window` pixels fits into the image.

    Raises:
        InputError: a side is shorter than the window.
    """
    if min(image.shape[:2]) < window:
        raise InputError(
            f"Expected images of at least {window} x {window} pixels, the window of "
            f"the SSIM. Received: {image.shape[0]} x {image.shape[1]}"
        )
