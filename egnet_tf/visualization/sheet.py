"""White sheets with rows of images and captions, for training and TensorBoard.

Pillow and NumPy only: training does not need matplotlib.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from egnet_tf.visualization.gradient import visible_gradient_map
from egnet_tf.visualization.zooms import largest_differences

_GAP = 8
"""Pixels between images."""

_COLUMN = 400
"""Width of an image of `comparison_sheet` in pixels."""

_TEXT, _SMALLEST_TEXT = 20, 8
_WHITE, _BLACK, _YELLOW = (255, 255, 255), (24, 24, 24), (255, 220, 0)


def comparison_sheet(images: Mapping[str, np.ndarray]) -> np.ndarray:
    """Draws images of one scene side by side, with a zoomed crop and its gradients.

    Three rows: the whole images with the crop framed, the crop enlarged, and the
    crop's gradient map (Eq. 15). The crop is the window of a quarter of the image's
    width where the first image and the last but one differ most: the blurry and the
    best restored one, if the last is the sharp one. The images, two or more by caption,
    are uint8 (H, W, 3) of one size.
    """
    arrays = list(images.values())
    height, width = arrays[0].shape[:2]
    compared = [arrays[0], arrays[max(len(arrays) - 2, 1)]]
    zoom = largest_differences(compared, (width // 4, width // 4))[0]
    crops = [zoom.cut(image) for image in arrays]
    whole = round(_COLUMN * height / width), _COLUMN
    near = round(_COLUMN * zoom.height / zoom.width), _COLUMN
    return column(
        [
            _captions(list(images), [_COLUMN] * len(arrays)),
            _row([resized(_framed(image, zoom), whole) for image in arrays]),
            _row([resized(crop, near) for crop in crops]),
            _row([resized(visible_gradient_map(crop), near) for crop in crops]),
        ]
    )


def labelled_row(images: Mapping[str, np.ndarray]) -> np.ndarray:
    """A row of images of one height under their captions: uint8 (H', W', 3)."""
    arrays = list(images.values())
    widths = [image.shape[1] for image in arrays]
    return column([_captions(list(images), widths), _row(arrays)])


def column(images: Sequence[np.ndarray]) -> np.ndarray:
    """Images one below the other, with gaps; narrower ones filled up with white."""
    width = max(image.shape[1] for image in images)
    parts = []
    for image in images:
        missing = [(0, _GAP), (0, width - image.shape[1]), (0, 0)]
        parts.append(np.pad(image, missing, constant_values=255))
    return np.concatenate(parts)[:-_GAP]


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resamples to (height, width): Lanczos when smaller, pixels kept when larger."""
    larger = size[0] > image.shape[0]
    method = Image.Resampling.NEAREST if larger else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), method))


def _row(images: Sequence[np.ndarray]) -> np.ndarray:
    gap = [(0, 0), (0, _GAP), (0, 0)]
    padded = [np.pad(image, gap, constant_values=255) for image in images]
    return np.concatenate(padded, axis=1)[:, :-_GAP]


def _captions(texts: Sequence[str], widths: Sequence[int]) -> np.ndarray:
    """Captions above columns, in one size in which all fit: uint8 (h, W', 3).

    The size grows with wide columns, so that the text can be read when the sheet is
    shown smaller.
    """
    sizes = range(max(_TEXT, min(widths) // 24), _SMALLEST_TEXT, -1)
    size = next((s for s in sizes if _fit(texts, widths, s)), _SMALLEST_TEXT)
    extent = sum(widths) + _GAP * (len(widths) - 1), round(1.4 * size)
    board = Image.new("RGB", extent, _WHITE)
    draw, left = ImageDraw.Draw(board), 0
    for text, width in zip(texts, widths, strict=True):
        draw.text((left, 2), text, _BLACK, ImageFont.load_default(size))
        left += width + _GAP
    return np.asarray(board)


def _fit(texts: Sequence[str], widths: Sequence[int], size: int) -> bool:
    font = ImageFont.load_default(size)
    return all(
        font.getlength(text) <= width for text, width in zip(texts, widths, strict=True)
    )


def _framed(image: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The image with a frame around (top, left, height, width)."""
    top, left, height, width = box
    canvas = Image.fromarray(image)
    corners = (left, top, left + width - 1, top + height - 1)
    thickness = max(2, image.shape[1] // 200)
    ImageDraw.Draw(canvas).rectangle(corners, outline=_YELLOW, width=thickness)
    return np.asarray(canvas)
