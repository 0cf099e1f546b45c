"""What EGN does to features: maps of them before and after it."""

from __future__ import annotations

import numpy as np

from egnet_tf.visualization.colour_map import coloured
from egnet_tf.visualization.gradient import visible_gradient_map
from egnet_tf.visualization.sheet import captions, column, resized, row, upright_caption

_GAP = 10


def feature_figure(
    image: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    *,
    title: str,
    channels: int = 4,
    width: int = 2100,
) -> np.ndarray:
    """Draws the features of one stage before and after EGN, and what EGN added.

    The first column holds the image and its gradient map (Eq. 15), the second the
    mean of the features' absolute values, the others the channels that EGN changes
    most. Before and after share a scale, which stands above each column; what was
    added is drawn from 0 to the column's largest.

    Args:
        image: uint8 (H, W, 3), what the stage sees.
        before: (h, w, C).
        after: of the same shape.
        title: of the stage.
        channels: how many single ones.
        width: of the figure in pixels.

    Returns:
        uint8 (H', W', 3).
    """
    change = np.abs(after - before).mean(axis=(0, 1))
    chosen = np.argsort(-change)[:channels]
    maps = [("mean of |features|", np.abs(before).mean(-1), np.abs(after).mean(-1))]
    maps += [(f"channel {i + 1}", before[..., i], after[..., i]) for i in chosen]

    text = max(16, width // 100)
    side = (width - round(1.4 * text) - _GAP * (len(maps) + 1)) // (len(maps) + 1)
    cell = round(side * image.shape[0] / image.shape[1]), side
    heads, columns = [title + "\n"], []
    for name, one, other in maps:
        low, high = np.percentile(np.stack([one, other]), (0.5, 99.5))
        added = np.abs(other - one)
        most = float(np.percentile(added, 99.5))
        heads.append(f"{name}\n{low:.2g} to {high:.2g}, added {most:.2g}")
        drawn = (coloured(one, low, high), coloured(other, low, high))
        drawn += (coloured(added, 0.0, most),)
        columns.append([resized(values, cell) for values in drawn])
    white = np.full((*cell, 3), 255, np.uint8)
    shown = [
        resized(image, cell),
        resized(visible_gradient_map(image), cell),
        white,
    ]
    lines = [captions(heads, [side] * len(heads), _GAP)]
    lines += [row(line, _GAP) for line in zip(shown, *columns, strict=True)]
    names = ("before EGN", "after EGN", "|added by EGN|")
    tags = [np.full((lines[0].shape[0], 1, 3), 255, np.uint8)]
    tags += [upright_caption(name, cell[0], text) for name in names]
    return row([column(tags, _GAP), column(lines, _GAP)], _GAP)
