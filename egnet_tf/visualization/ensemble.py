"""What the self-ensemble takes of each branch, pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from egnet_tf.visualization.colour_map import colour_bar, coloured
from egnet_tf.visualization.sheet import captions, column, resized, row, upright_caption

_GAP = 10


def ensemble_figure(
    branches: Mapping[str, np.ndarray],
    weights: np.ndarray,
    fused: tuple[str, np.ndarray],
    *,
    width: int = 2100,
) -> np.ndarray:
    """Draws each branch's restoration above its weights (Eq. 12), and the result.

    All weights share a scale, from the smallest to the largest (of the middle 99%),
    and a bar beside them tells it.

    Args:
        branches: restored, uint8 (H, W, 3), by caption.
        weights: (H, W, n), in the order of the branches; they sum to 1.
        fused: caption and image of the weighted sum.
        width: of the figure in pixels.

    Returns:
        uint8 (H', W', 3).
    """
    text = max(16, width // 100)
    count = len(branches) + 1
    side = (width - round(1.4 * text) - _GAP * count) // count
    height, whole_width = weights.shape[:2]
    cell = round(side * height / whole_width), side
    low, high = np.percentile(weights, (0.5, 99.5))
    heads = [*branches, fused[0]]
    restored = [resized(image, cell) for image in (*branches.values(), fused[1])]
    maps = [
        resized(coloured(weights[..., i], low, high), cell)
        for i in range(weights.shape[-1])
    ]
    maps.append(colour_bar(low, high, cell, text))
    lines = [
        captions(heads, [side] * count, _GAP),
        row(restored, _GAP),
        row(maps, _GAP),
    ]
    tags = [np.full((lines[0].shape[0], 1, 3), 255, np.uint8)]
    tags += [upright_caption(name, cell[0], text) for name in ("restored", "weight")]
    return row([column(tags, _GAP), column(lines, _GAP)], _GAP)
