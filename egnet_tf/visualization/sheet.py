"""White sheets with rows of images and captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP = 8
"""Pixels between images."""

_TEXT = 20
_SMALLEST_TEXT = 8
_WHITE, _BLACK = (255, 255, 255), (24, 24, 24)


def row(images: Sequence[np.ndarray], gap: int = GAP) -> np.ndarray:
    """Images of one height side by side, with gaps: uint8 (H, W', 3)."""
    blank = np.full((images[0].shape[0], gap, 3), 255, np.uint8)
    parts = [part for image in images for part in (image, blank)]
    return np.concatenate(parts[:-1], axis=1)


def column(images: Sequence[np.ndarray], gap: int = GAP) -> np.ndarray:
    """Images one below the other, with gaps; narrower ones filled up with white."""
    width = max(image.shape[1] for image in images)
    parts = []
    for image in images:
        parts += [filled(image, width=width), np.full((gap, width, 3), 255, np.uint8)]
    return np.concatenate(parts[:-1], axis=0)


def filled(image: np.ndarray, *, height: int = 0, width: int = 0) -> np.ndarray:
    """The image with white at its bottom and right, to at least this size."""
    missing = max(height - image.shape[0], 0), max(width - image.shape[1], 0)
    return np.pad(
        image, [(0, missing[0]), (0, missing[1]), (0, 0)], constant_values=255
    )


def captions(texts: Sequence[str], widths: Sequence[int], gap: int = GAP) -> np.ndarray:
    """Captions above columns of these widths: uint8 (h, W', 3).

    All are written in one size. It grows with wide columns, so that the text can be
    read when the sheet is shrunk, and shrinks until every text fits.

    Args:
        texts: one a column, each of one or more lines; equally many lines are kept
            free for all.
        widths: of the columns in pixels.
        gap: between them.
    """
    size = text_size(texts, widths, max(_TEXT, min(widths) // 24))
    lines = max(text.count("\n") + 1 for text in texts)
    height = round((1.25 * lines + 0.15) * size)
    board = Image.new("RGB", (sum(widths) + gap * (len(widths) - 1), height), _WHITE)
    draw, left = ImageDraw.Draw(board), 0
    for text, width in zip(texts, widths, strict=True):
        for number, line in enumerate(text.split("\n")):
            draw.text((left, round(1.25 * number * size) + 2), line, _BLACK, font(size))
        left += width + gap
    return np.asarray(board)


def text_size(texts: Sequence[str], widths: Sequence[int], largest: int) -> int:
    """The largest size up to `largest` in which each text fits its width."""
    for size in range(largest, _SMALLEST_TEXT, -1):
        if all(
            font(size).getlength(line) <= width
            for text, width in zip(texts, widths, strict=True)
            for line in text.split("\n")
        ):
            return size
    return _SMALLEST_TEXT


def upright_caption(text: str, height: int, largest: int = _TEXT) -> np.ndarray:
    """A caption at the left of a row, read from below: uint8 (height, w, 3)."""
    size = text_size([text], [height], largest)
    board = Image.new("RGB", (height, round(1.4 * size)), _WHITE)
    left = (height - font(size).getlength(text)) / 2
    ImageDraw.Draw(board).text((max(left, 0), 2), text, _BLACK, font(size))
    return np.rot90(np.asarray(board))


def labelled_row(images: Mapping[str, np.ndarray]) -> np.ndarray:
    """A row of images of one height under their captions."""
    arrays = list(images.values())
    widths = [image.shape[1] for image in arrays]
    return column([captions(list(images), widths), row(arrays)])


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resamples to (height, width): Lanczos when smaller, pixels kept when larger."""
    larger = size[0] > image.shape[0]
    method = Image.Resampling.NEAREST if larger else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(image).resize(size[::-1], method))


def framed(
    image: np.ndarray,
    box: tuple[int, int, int, int],
    colour: tuple[int, int, int] = (255, 220, 0),
    thickness: int | None = None,
) -> np.ndarray:
    """The image with a frame around (top, left, height, width)."""
    top, left, height, width = box
    canvas = Image.fromarray(image)
    corners = (left, top, left + width - 1, top + height - 1)
    thickness = thickness or max(2, image.shape[1] // 200)
    ImageDraw.Draw(canvas).rectangle(corners, outline=colour, width=thickness)
    return np.asarray(canvas)


def font(size: int) -> ImageFont.FreeTypeFont:
    """The font of all texts, which comes with Pillow."""
    return ImageFont.load_default(size)
