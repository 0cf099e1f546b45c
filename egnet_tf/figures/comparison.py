"""Comparison sheets: one photograph as several methods restore it."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from egnet_tf.figures.gradient import visible_gradient_map
from egnet_tf.figures.sheet import captions, column, framed, resized, row

_WIDTH = 400


def comparison_sheet(
    pictures: Mapping[str, np.ndarray],
    zoom: tuple[int, int, int, int] | None = None,
) -> np.ndarray:
    """Draws pictures of one scene side by side, with a zoomed crop and its gradients.

    Three rows: the whole pictures with the crop framed, the crop enlarged, and the
    crop's gradient map (Eq. 15).

    Args:
        pictures: uint8 (H, W, 3) of one size by caption.
        zoom: (top, left, height, width) of the crop; by default the window of a
            quarter of the picture's width where the first two pictures differ most.

    Returns:
        uint8 (H', W', 3).
    """
    images = list(pictures.values())
    zoom = zoom or largest_difference(images[0], images[1], images[0].shape[1] // 4)
    top, left, height, width = zoom
    crops = [image[top : top + height, left : left + width] for image in images]
    whole = (round(_WIDTH * images[0].shape[0] / images[0].shape[1]), _WIDTH)
    near = (round(_WIDTH * height / width), _WIDTH)
    return column(
        [
            captions(list(pictures), [_WIDTH] * len(images)),
            row([resized(framed(image, zoom), whole) for image in images]),
            row([resized(crop, near) for crop in crops]),
            row([resized(visible_gradient_map(crop), near) for crop in crops]),
        ]
    )


def largest_difference(
    one: np.ndarray, other: np.ndarray, size: int
) -> tuple[int, int, int, int]:
    """The square window with the largest sum of absolute differences.

    Args:
        one: uint8 (H, W, 3).
        other: of the same shape.
        size: side of the window in pixels, clipped to the picture.

    Returns:
        (top, left, height, width).
    """
    size = max(1, min(size, *one.shape[:2]))
    sums = cv2.integral(cv2.absdiff(one, other).sum(axis=-1, dtype=np.float64))
    upper, lower = sums[:-size], sums[size:]
    windows = lower[:, size:] - lower[:, :-size] - upper[:, size:] + upper[:, :-size]
    top, left = np.unravel_index(int(np.argmax(windows)), windows.shape)
    return int(top), int(left), size, size
