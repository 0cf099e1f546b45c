"""White sheets with rows of pictures and captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP = 8
"""Pixels between pictures."""

_TEXT = 20
_SMALLEST_TEXT = 8
_WHITE, _BLACK = (255, 255, 255), (24, 24, 24)


def row(pictures: Sequence[np.ndarray], gap: int = GAP) -> np.ndarray:
    """Pictures of one height side by side, with gaps: uint8 (H, W', 3)."""
    blank = np.full((pictures[0].shape[0], gap, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (picture, blank)]
    return np.concatenate(parts[:-1], axis=1)


def column(pictures: Sequence[np.ndarray], gap: int = GAP) -> np.ndarray:
    """Pictures one below the other, with gaps; narrower ones filled up with white."""
    width = max(picture.shape[1] for picture in pictures)
    parts = []
    for picture in pictures:
        parts += [filled(picture, width=width), np.full((gap, width, 3), 255, np.uint8)]
    return np.concatenate(parts[:-1], axis=0)


def filled(picture: np.ndarray, *, height: int = 0, width: int = 0) -> np.ndarray:
    """The picture with white at its bottom and right, to at least this size."""
    missing = max(height - picture.shape[0], 0), max(width - picture.shape[1], 0)
    return np.pad(
        picture, [(0, missing[0]), (0, missing[1]), (0, 0)], constant_values=255
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


def labelled_row(pictures: Mapping[str, np.ndarray]) -> np.ndarray:
    """A row of pictures of one height under their captions."""
    images = list(pictures.values())
    widths = [image.shape[1] for image in images]
    return column([captions(list(pictures), widths), row(images)])


def resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resamples to (height, width): Lanczos when smaller, pixels kept when larger."""
    larger = size[0] > picture.shape[0]
    method = Image.Resampling.NEAREST if larger else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(picture).resize(size[::-1], method))


def framed(
    picture: np.ndarray,
    box: tuple[int, int, int, int],
    colour: tuple[int, int, int] = (255, 220, 0),
    thickness: int | None = None,
) -> np.ndarray:
    """The picture with a frame around (top, left, height, width)."""
    top, left, height, width = box
    image = Image.fromarray(picture)
    corners = (left, top, left + width - 1, top + height - 1)
    thickness = thickness or max(2, picture.shape[1] // 200)
    ImageDraw.Draw(image).rectangle(corners, outline=colour, width=thickness)
    return np.asarray(image)


def font(size: int) -> ImageFont.FreeTypeFont:
    """The font of all texts, which comes with Pillow."""
    return ImageFont.load_default(size)
