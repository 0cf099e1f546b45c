"""Upscaling before blurring: photographs as soft as camera images.

Downscaled web images have one-pixel edges, camera images do not: the lens, the colour
filter, noise reduction and compression spread every edge over two or three pixels. A
network that learns deblurring on the former looks for traces that the latter do not
have (measured in docs/experiments/mobile_network.md). So photographs are upscaled
before they are blurred.
"""

from __future__ import annotations

import numpy as np

from egnet_tf.data.pairs import random_corner, window


def random_resize(rng: np.random.Generator, least: float, most: float) -> float:
    """Draws a resizing factor whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(least), np.log(most))))


def enlarged_window(
    photo: np.ndarray, side: int, factor: float, rng: np.random.Generator
) -> np.ndarray:
    """A random square window of a photograph that was resized by a factor.

    Args:
        photo: uint8 (H, W, 3); mirrored beyond its border where it is too small.
        side: side of the window, in pixels after resizing.
        factor: above 1, upscales by cubic interpolation; below, averages over areas.
        rng: source of the position.

    Returns:
        uint8 (side, side, 3).
    """
    import cv2  # Of the extra `train`.

    source = max(1, round(side / factor))
    height, width = photo.shape[:2]
    top, left = random_corner(height, width, source, rng)
    image = window(photo, top, left, source, source)
    if source == side:
        return image
    method = cv2.INTER_AREA if source > side else cv2.INTER_CUBIC
    return cv2.resize(image, (side, side), interpolation=method)
