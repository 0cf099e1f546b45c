"""Numbers as colours, with the bar that tells them back."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw

from egnet_tf.visualization.sheet import font


def coloured(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Numbers in viridis, which is read alike in print and by all kinds of sight.

    Args:
        values: (H, W).
        low: what is darkest; smaller numbers look the same.
        high: what is brightest; larger numbers look the same.

    Returns:
        uint8 (H, W, 3).
    """
    unit = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    drawn = cv2.applyColorMap(
        np.rint(255 * unit).astype(np.uint8), cv2.COLORMAP_VIRIDIS
    )
    return cv2.cvtColor(drawn, cv2.COLOR_BGR2RGB)


def colour_bar(low: float, high: float, size: tuple[int, int], text: int) -> np.ndarray:
    """A bar from `low` at the bottom to `high` at the top, with three numbers.

    Args:
        low: as for `coloured`.
        high: as for `coloured`.
        size: (height, width) with the numbers, in pixels.
        text: height of the numbers in pixels.

    Returns:
        uint8 (height, width, 3), white around the bar.
    """
    height, width = size
    board = Image.new("RGB", (width, height), (255, 255, 255))
    thickness = max(8, round(0.7 * text))
    ramp = np.linspace(high, low, height)[:, None].repeat(thickness, axis=1)
    board.paste(Image.fromarray(coloured(ramp, low, high)))
    draw = ImageDraw.Draw(board)
    for value, anchor, y in (
        (high, "lt", 0),
        ((low + high) / 2, "lm", height // 2),
        (low, "lb", height - 1),
    ):
        where = (thickness + text // 3, y)
        draw.text(where, f"{value:.3g}", (24, 24, 24), font(text), anchor=anchor)
    return np.asarray(board)
