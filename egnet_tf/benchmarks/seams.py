"""Measures whether tiles show: steps across their borders against the whole image's.

python -m egnet_tf.benchmarks seams --model=runs/quickstart --photo=photo.jpg
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from egnet_tf.errors import InputError
from egnet_tf.images.convert import to_float
from egnet_tf.images.read import read_image
from egnet_tf.inference import Restorer, load
from egnet_tf.inference.tiling import tile_positions
from egnet_tf.options import option


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    model: str = option(
        "egnet_mobile", "The model: a run, or a variant with shipped weights."
    )
    photo: str = option("", "The image to restore.")
    tiles: tuple[int, ...] = option((256,), "Sides of the tiles in pixels.", lower=1)
    overlap: int | None = option(
        None,
        "Overlap of the tiles in pixels. By default a quarter of a tile, at most 64.",
        lower=0,
    )


class SeamCost(NamedTuple):
    """One row of the result. Steps are differences of neighbouring pixels, of 255.

    Attributes:
        tile: side in pixels.
        overlap: pixels that neighbours share.
        tiles: their number.
        step: the largest across a line where a tile begins or ends.
        whole_step: the largest across the same lines when restored whole.
        excess: the largest by which one step is larger than the same of the whole:
            seams, and edges of the image that tiles restore a little stronger.
        excess_elsewhere: the same of all other lines, where there are only the edges.
            Seams show if there is more of it at the lines of tiles than elsewhere.
        psnr: of the tiled image to the one restored whole, in dB.
    """

    tile: int
    overlap: int
    tiles: int
    step: float
    whole_step: float
    excess: float
    excess_elsewhere: float
    psnr: float


def measure(options: Options) -> list[SeamCost]:
    """Measures what the options say; a row for each."""
    if not options.photo:
        raise InputError("Expected --photo=FILE. Received: none")
    photo = read_image(options.photo)
    return measure_seams(options.model, photo, options.tiles, options.overlap)


def measure_seams(
    model: str, photo: np.ndarray, tiles: Sequence[int], overlap: int | None = None
) -> list[SeamCost]:
    """Restores a photo, uint8 (H, W, 3), whole and in tiles; a row for each tile side.

    Raises:
        InputError: no such model, a tile that it does not take, or one that holds the
            whole photo.
    """
    # Float, so that no step hides in the rounding.
    scaled = to_float(photo)
    of_whole = load(model, tile=0)
    whole = of_whole(scaled)
    rows = []
    for side in tiles:
        restorer = Restorer(of_whole.runner, tile=side, overlap=overlap)
        plan = restorer.plan(*scaled.shape[:2])
        if plan.tiles == 1:
            raise InputError(
                f"Expected tiles smaller than the photo, {scaled.shape[:2]}. "
                f"Received: {side}"
            )
        tiled = restorer(scaled)
        at_seams, elsewhere = [], []
        for axis, length in enumerate(scaled.shape[:2]):
            lines = seam_lines(length, plan.tile[axis], plan.overlap)
            others = sorted(set(range(1, length)) - set(lines))
            for chosen, steps in ((lines, at_seams), (others, elsewhere)):
                if chosen:
                    steps.append(
                        (_steps(tiled, axis, chosen), _steps(whole, axis, chosen))
                    )
        error = float(np.mean((tiled.astype(np.float64) - whole) ** 2))
        rows.append(
            SeamCost(
                side,
                plan.overlap,
                plan.tiles,
                _largest(one for one, _ in at_seams),
                _largest(other for _, other in at_seams),
                _largest(one - other for one, other in at_seams),
                _largest(one - other for one, other in elsewhere),
                -10 * math.log10(error) if error else math.inf,
            )
        )
    return rows


def seam_lines(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin or end on an axis: line n is between pixels n - 1 and n."""
    if length <= tile:
        return []
    starts = tile_positions(length, tile, overlap)
    return sorted({*starts[1:], *(start + tile for start in starts[:-1])})


def _largest(steps: Iterable[np.ndarray]) -> float:
    return 255 * max(float(step.max()) for step in steps)


def _steps(image: np.ndarray, axis: int, lines: Sequence[int]) -> np.ndarray:
    after = np.take(image, lines, axis=axis)
    return np.abs(after - np.take(image, [line - 1 for line in lines], axis=axis))
