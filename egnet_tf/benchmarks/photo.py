"""Measures the memory of deblurring a photo from file to file, by its size.

python -m egnet_tf.benchmarks photo --model=egnet_mobile --megapixels=12,50
"""

from __future__ import annotations

import dataclasses
import math
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from egnet_tf.benchmarks.memory import peak_memory
from egnet_tf.errors import InputError
from egnet_tf.inference import load
from egnet_tf.inference.photos import Job, restore_photos
from egnet_tf.options import option


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    model: str = option(
        "egnet_mobile", "The model: a run, a variant or an exported file, as in deblur."
    )
    megapixels: tuple[float, ...] = option((12.0, 50.0), "Sizes of the photos.")
    memory_limit: float = option(
        1.0, "Memory in GiB that restoring may take, as in deblur.", lower=0.0
    )


class PhotoCost(NamedTuple):
    """One row of the result.

    Attributes:
        megapixels: of the photo.
        size: height x width in pixels.
        tile: height x width of the tiles.
        tiles: their number.
        pixel_megabytes: of the decoded photo, uint8 RGB.
        peak_megabytes: of a process that loads the model, reads the photo from a JPEG
            file, restores it and writes it as JPEG, above its start.
    """

    megapixels: float
    size: str
    tile: str
    tiles: int
    pixel_megabytes: float
    peak_megabytes: float


def measure(options: Options) -> list[PhotoCost]:
    """Measures photos of several sizes, 4:3, each in a process of its own.

    Raises:
        InputError: there is no such model, or the limit is too small for it.
    """
    limit = int(options.memory_limit * 2**30)
    restorer = load(options.model, memory_limit=limit)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in options.megapixels:
            if count <= 0:
                raise InputError(f"Expected megapixels above 0. Received: {count}")
            width = round(math.sqrt(count * 1e6 * 4 / 3))
            size = round(width * 3 / 4), width
            plan = restorer.plan(*size)
            photo = Path(folder) / "photo.jpg"
            _make_photo(photo, size)
            peak = peak_memory(_deblur, options.model, photo, limit)
            rows.append(
                PhotoCost(
                    count,
                    f"{size[0]}x{size[1]}",
                    f"{plan.tile[0]}x{plan.tile[1]}",
                    plan.tiles,
                    3 * math.prod(size) / 1e6,
                    peak / 1e6,
                )
            )
    return rows


def _make_photo(path: Path, size: tuple[int, int]) -> None:
    """Writes a photograph repeated, so that it compresses as photographs do."""
    import skimage.data

    sample = skimage.data.coffee()
    repeats = [
        math.ceil(side / own) for side, own in zip(size, sample.shape[:2], strict=True)
    ]
    pixels = np.tile(sample, (*repeats, 1))[: size[0], : size[1]]
    Image.fromarray(pixels).save(path, quality=92)


def _deblur(model: str, photo: Path, memory_limit: int) -> None:
    restorer = load(model, memory_limit=memory_limit)
    failed = restore_photos(restorer, [Job(photo, photo.with_name("restored.jpg"))])
    if failed:
        raise InputError(failed[photo])
