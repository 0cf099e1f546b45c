"""Overlap-add tiling with a sin^2 window.

The demos for the browser and for Android implement the same algorithm, which is
specified here. Along one axis of `length` pixels, with tiles of T pixels that overlap
by V <= T / 2:

    positions   0, T - V, 2 (T - V), ...; the last one moved back to length - T, so
                that every tile lies inside and is full.
    window      w(i) = r(i + 1/2) r(T - i - 1/2),  i = 0 .. T - 1
                r(t) = sin^2(pi / 2 * min(t / V, 1)),  1 everywhere when V = 0
                The ramps of two tiles that overlap by V add up to 1: sin^2 + cos^2.
    weight      of tile k at its pixel i: w(i) divided by the sum of the windows of
                all tiles over that pixel. The weights of every pixel therefore add up
                to 1, also at the image's border and where the last tile was moved.

In two dimensions the weights multiply: weight(y, x) = weight_rows(y) weight_columns(x).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_WIDEST_OVERLAP = 64


def default_overlap(tile: int) -> int:
    """Returns a quarter of the tile, at most 64 pixels (seams: docs/deblur.md)."""
    return min(_WIDEST_OVERLAP, tile // 4)


def tile_positions(length: int, tile: int, overlap: int) -> list[int]:
    """Returns where the tiles along one axis start, in pixels, ascending.

    Args:
        length: of the axis in pixels, at least `tile`.
        tile: of a tile in pixels.
        overlap: pixels that neighbours share, at most half a tile; the last two may
            share more.
    """
    if not 0 <= overlap <= tile // 2 or length < tile:
        raise ValueError(
            "Expected 0 <= overlap <= tile / 2 and tile <= length. "
            f"Received: overlap={overlap}, tile={tile}, length={length}"
        )
    return [*range(0, length - tile, tile - overlap), length - tile]


def tile_weights(length: int, tile: int, overlap: int) -> np.ndarray:
    """Returns each tile's weights along one axis: float32 (tiles, tile).

    At every pixel of the axis the weights of the tiles over it add up to 1.
    """
    positions = tile_positions(length, tile, overlap)
    distance = np.arange(tile) + 0.5
    ramp = np.sin(np.pi / 2 * np.minimum(distance / max(overlap, 0.5), 1.0)) ** 2
    window = ramp * ramp[::-1]
    total = np.zeros(length)
    for position in positions:
        total[position : position + tile] += window
    shares = [window / total[position : position + tile] for position in positions]
    return np.asarray(shares, np.float32)


def tile_grid(
    size: tuple[int, int], tile: tuple[int, int], overlap: int
) -> tuple[list[int], list[int]]:
    """Returns the tops and the lefts of the tiles of an image.

    For the arguments, see `blended_strips`.
    """
    tops, lefts = map(tile_positions, size, tile, _overlaps(tile, overlap))
    return tops, lefts


def _overlaps(tile: tuple[int, int], overlap: int) -> list[int]:
    # Along an axis with a single tile, the tile may be less than two overlaps.
    return [min(overlap, side // 2) for side in tile]


def blended_strips(
    size: tuple[int, int],
    tile: tuple[int, int],
    overlap: int,
    restored: Iterator[np.ndarray],
) -> Iterator[tuple[int, np.ndarray]]:
    """Puts restored tiles together and yields finished rows from the top down.

    Only one row of tiles is in memory: tile height x image width.

    Args:
        size: height and width of the image, each at least the tile's.
        tile: height and width of a tile.
        overlap: pixels that neighbouring tiles share, at most half a tile.
        restored: the tiles of `tile_grid`, row by row, each float32 (tile height, tile
            width, channels).

    Yields:
        (top, strip): the rows from `top` on, float32 (rows, image width, channels).
        The strip is reused: copy it before asking for the next.
    """
    (height, width), (tile_height, tile_width) = size, tile
    tops, lefts = tile_grid(size, tile, overlap)
    row_weights, column_weights = map(
        tile_weights, size, tile, _overlaps(tile, overlap)
    )
    strip = np.empty(0, np.float32)
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            pixels = next(restored)
            weights = np.outer(row_weights[row], column_weights[column])
            if not strip.size:
                strip = np.zeros((tile_height, width, pixels.shape[-1]), np.float32)
            strip[:, left : left + tile_width] += weights[..., None] * pixels
        following = tops[row + 1] if row + 1 < len(tops) else height
        finished = following - top
        yield top, strip[:finished]
        strip[:-finished] = strip[finished:]
        strip[tile_height - finished :] = 0.0
