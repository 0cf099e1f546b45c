"""Comparisons: one photograph as several methods restore it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from egnet_tf.visualization.gradient import visible_gradient_map
from egnet_tf.visualization.sheet import captions, column, filled, framed, resized, row

_SHEET_COLUMN = 400

# Of Okabe and Ito: apart for all kinds of sight, and away from most photographs.
_FRAMES = ((240, 228, 66), (86, 180, 233), (230, 100, 0), (204, 121, 167))
_FIGURE_GAP = 10


class Zoom(NamedTuple):
    """A window of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int


class Panel(NamedTuple):
    """One method's restoration.

    Attributes:
        title: the method.
        image: uint8 (H, W, 3).
        note: a second line of the caption, such as its PSNR.
    """

    title: str
    image: np.ndarray
    note: str = ""


def comparison_figure(
    panels: Sequence[Panel],
    zooms: Sequence[Zoom],
    *,
    gradients: bool = False,
    columns: int = 6,
    width: int = 2100,
) -> np.ndarray:
    """Draws the layout of the paper's Figures 8 to 14.

    At the left stands the first image with the windows framed, as high as what is
    beside it: for each window a row with the crop of each panel in the frame's
    colour, and below, if asked, the crops' gradient maps (Eq. 15). The method and the
    note stand under each column.

    Args:
        panels: of one size; the blurry one first.
        zooms: at least one, all of the first one's proportions.
        gradients: draw the gradient maps too.
        columns: panels in a row at most; more go below.
        width: of the figure in pixels: 2100 are 7 inches at 300 dpi.

    Returns:
        uint8 (H', W', 3), W' about `width`: at most a twentieth more.
    """
    first = panels[0].image
    ratio, shape = zooms[0].height / zooms[0].width, first.shape[0] / first.shape[1]
    # As many in each row as the rows need: eight, up to six in a row, are 4 + 4.
    columns = math.ceil(len(panels) / math.ceil(len(panels) / columns))
    groups = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    lines = len(zooms) * (2 if gradients else 1)
    # The left image's width, so that it is as high as the rows of crops: both sides
    # are linear in it. The captions' height is guessed and evened out below.
    rows = lines * len(groups)
    room = width - _FIGURE_GAP * columns
    gaps = (rows - 1) * _FIGURE_GAP + (len(groups) - 1) * 0.05 * width
    left = (rows * ratio * room / columns + gaps) / (shape + rows * ratio / columns)
    left = min(left, 0.6 * width)
    side = math.floor((room - left) / columns)
    cell = round(side * ratio), side

    blocks = []
    for group in groups:
        drawn = []
        # Of the whole images: alone, a flat crop would show its noise as edges.
        maps = [visible_gradient_map(p.image) for p in group] if gradients else []
        for zoom, colour in zip(zooms, _cycled(_FRAMES, len(zooms)), strict=True):
            crops = [_cut(panel.image, zoom) for panel in group]
            drawn.append(_framed_row(crops, cell, colour))
            if gradients:
                crops = [_cut(gradient, zoom) for gradient in maps]
                drawn.append(_framed_row(crops, cell, colour))
        texts = [
            f"{panel.title}\n{panel.note}"
            if any(p.note for p in group)
            else panel.title
            for panel in group
        ]
        drawn.append(captions(texts, [side] * len(group), _FIGURE_GAP))
        blocks.append(column(drawn, _FIGURE_GAP))
    right = column(blocks, _FIGURE_GAP)
    bottom = drawn[-1].shape[0] + _FIGURE_GAP  # The captions of the last row.
    height = right.shape[0] - bottom
    whole = first
    for zoom, colour in zip(zooms, _cycled(_FRAMES, len(zooms)), strict=True):
        whole = framed(whole, zoom, colour, max(2, first.shape[1] // 180))
    size = (height, round(height / shape))
    if size[1] > 0.6 * width:  # A wide image beside many rows: it ends above them.
        size = (round(0.6 * width * shape), round(0.6 * width))
    whole = filled(resized(whole, size), height=right.shape[0])
    return row([whole, right], _FIGURE_GAP)


def comparison_sheet(
    images: Mapping[str, np.ndarray],
    zoom: tuple[int, int, int, int] | None = None,
) -> np.ndarray:
    """Draws images of one scene side by side, with a zoomed crop and its gradients.

    Three rows: the whole images with the crop framed, the crop enlarged, and the
    crop's gradient map (Eq. 15).

    Args:
        images: uint8 (H, W, 3) of one size by caption.
        zoom: (top, left, height, width) of the crop; by default the window of a
            quarter of the image's width where the first two images differ most.

    Returns:
        uint8 (H', W', 3).
    """
    arrays = list(images.values())
    side = arrays[0].shape[1] // 4
    zoom = Zoom(*zoom) if zoom else largest_differences(arrays[:2], (side, side))[0]
    crops = [_cut(image, zoom) for image in arrays]
    whole = (
        round(_SHEET_COLUMN * arrays[0].shape[0] / arrays[0].shape[1]),
        _SHEET_COLUMN,
    )
    near = (round(_SHEET_COLUMN * zoom.height / zoom.width), _SHEET_COLUMN)
    return column(
        [
            captions(list(images), [_SHEET_COLUMN] * len(arrays)),
            row([resized(framed(image, zoom), whole) for image in arrays]),
            row([resized(crop, near) for crop in crops]),
            row([resized(visible_gradient_map(crop), near) for crop in crops]),
        ]
    )


def largest_differences(
    images: Sequence[np.ndarray], size: tuple[int, int], count: int = 1
) -> list[Zoom]:
    """The windows in which images differ most from each other.

    A pixel counts with the difference of the largest and the smallest value there,
    summed over the colours.

    Args:
        images: uint8 (H, W, 3) of one size, two or more.
        size: height and width of the windows in pixels, clipped to the image.
        count: how many; they do not overlap. Fewer are found in a small image.

    Returns:
        The windows, the one with the largest sum first.
    """
    height, width = (
        max(1, min(side, whole))
        for side, whole in zip(size, images[0].shape[:2], strict=True)
    )
    highest, lowest = images[0], images[0]
    for image in images[1:]:
        highest, lowest = np.maximum(highest, image), np.minimum(lowest, image)
    sums = cv2.integral(cv2.subtract(highest, lowest).sum(axis=-1, dtype=np.float64))
    upper, lower = sums[:-height], sums[height:]
    windows = (
        lower[:, width:] - lower[:, :-width] - upper[:, width:] + upper[:, :-width]
    )
    found = []
    while len(found) < count and windows.max() >= 0:
        top, left = map(int, np.unravel_index(np.argmax(windows), windows.shape))
        found.append(Zoom(top, left, height, width))
        # Any window that begins here would overlap this one.
        windows[
            max(top - height + 1, 0) : top + height,
            max(left - width + 1, 0) : left + width,
        ] = -1
    return found


def _cut(image: np.ndarray, zoom: Zoom) -> np.ndarray:
    top, left, height, width = zoom
    return image[top : top + height, left : left + width]


def _framed_row(crops, cell: tuple[int, int], colour) -> np.ndarray:
    thickness = max(2, cell[1] // 100)
    return row(
        [
            framed(resized(crop, cell), (0, 0, *cell), colour, thickness)
            for crop in crops
        ],
        _FIGURE_GAP,
    )


def _cycled(items: Sequence, count: int) -> list:
    return [items[i % len(items)] for i in range(count)]
