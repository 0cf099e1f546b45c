"""White sheets with rows of pictures and captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_GAP = 8
_TEXT = 20
_WHITE, _BLACK = (255, 255, 255), (32, 32, 32)


def row(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures of one height side by side, with gaps: uint8 (H, W', 3)."""
    gap = np.full((pictures[0].shape[0], _GAP, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (picture, gap)]
    return np.concatenate(parts[:-1], axis=1)


def column(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures one below the other, with gaps; narrower ones filled up with white."""
    width = max(picture.shape[1] for picture in pictures)
    parts = []
    for picture in pictures:
        missing = width - picture.shape[1]
        filled = np.pad(picture, [(0, 0), (0, missing), (0, 0)], constant_values=255)
        parts += [filled, np.full((_GAP, width, 3), 255, np.uint8)]
    return np.concatenate(parts[:-1], axis=0)


def captions(texts: Sequence[str], widths: Sequence[int]) -> np.ndarray:
    """One line of captions above columns of these widths: uint8 (h, W', 3).

    The text grows with wide columns, so that it can be read when the sheet is shrunk,
    and shrinks where it would not fit.
    """
    total = sum(widths) + _GAP * (len(widths) - 1)
    largest = max(_TEXT, min(widths) // 24)
    line = Image.new("RGB", (total, round(1.4 * largest)), _WHITE)
    draw, left = ImageDraw.Draw(line), 0
    for text, width in zip(texts, widths, strict=True):
        size = largest
        while size > 8 and draw.textlength(text, _font(size)) > width:
            size -= 1
        draw.text((left, 2), text, _BLACK, _font(size))
        left += width + _GAP
    return np.asarray(line)


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


def framed(picture: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The picture with a frame around (top, left, height, width)."""
    top, left, height, width = box
    image = Image.fromarray(picture)
    corners = (left, top, left + width - 1, top + height - 1)
    thickness = max(2, picture.shape[1] // 200)
    ImageDraw.Draw(image).rectangle(corners, outline=(255, 220, 0), width=thickness)
    return np.asarray(image)


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)
