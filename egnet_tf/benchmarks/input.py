"""Measures how fast training crops come out of files and of synthetic blur.

python -m egnet_tf.benchmarks input

The same pairs are written to a temporary folder in each form and read through the
training pipeline. PNG files and shards are read without any cache of decoded images, as
with a dataset that is larger than the memory. The files have just been written, so the
operating system holds them in memory: this measures decoding and copying, not the
disk. Further forms were measured before this choice:
docs/experiments/input_formats.md. For synthetic blur, the sharp images are written
and, as in training, decoded once.

The trainer needs the same cores. The processor time of a crop, times the crops that it
trains with in a second, says how much of a core the input takes from it.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.images.read import read_image
from egnet_tf.options import option

_STORED_CROP, _OVERLAP = 512, 256
_CPUS = os.cpu_count() or 1


class InputSpeed(NamedTuple):
    """One row of the result.

    Attributes:
        form: one of `FORMS`.
        pairs_per_second: training crops, of both images, as float32 batches.
        cpu_milliseconds: processor time of each, of all threads together.
        megabytes: on disk, of all pairs.
    """

    form: str
    pairs_per_second: float
    cpu_milliseconds: float
    megabytes: float


def _png(pairs: Pairs, folder: Path) -> Pairs:
    """Whole images, as GoPro is published."""
    from egnet_tf.data import open_pairs
    from egnet_tf.data.prepare import write_images

    write_images(pairs, folder, {}, workers=_CPUS, progress=lambda _: None)
    return open_pairs("folder", data_dir=str(folder), split="test", cache_bytes=0)


def _shards(pairs: Pairs, folder: Path) -> Pairs:
    """What `egnet_tf.prepare` writes."""
    from egnet_tf.data.datasets.shards import ShardPairs
    from egnet_tf.data.prepare import write_shards

    write_shards(
        pairs,
        folder,
        {"format": 1},
        crop=_STORED_CROP,
        overlap=_OVERLAP,
        workers=_CPUS,
        progress=lambda _: None,
    )
    return ShardPairs(folder)


def _blurred(dataset: str, pairs: Pairs, folder: Path) -> Pairs:
    """Photographs, blurred when they are read."""
    from egnet_tf.data import open_pairs
    from egnet_tf.images.write import write_image

    for index in range(len(pairs)):
        write_image(folder / f"{index}.png", pairs.read(index).sharp)
    return open_pairs(dataset, data_dir=str(folder), split="train")


FORMS: dict[str, Callable[[Pairs, Path], Pairs]] = {
    "png": _png,
    "shards": _shards,
    "camera_motion": functools.partial(_blurred, "camera_motion"),
    "camera_shake": functools.partial(_blurred, "camera_shake"),
}
"""Write pairs to a folder and open what was written."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    forms: tuple[str, ...] = option(
        tuple(FORMS), "Forms of the files.", choices=tuple(FORMS)
    )
    crop: int = option(256, "Side of the training crops in pixels.", lower=16)
    batch: int = option(16, "Batch size.", lower=1)


def measure(
    options: Options,
    pairs: Pairs | None = None,
    *,
    count: int = 16,
    seconds: float = 5.0,
) -> list[InputSpeed]:
    """Measures the forms one after another; a row for each.

    Args:
        options: forms, crop and batch size.
        pairs: what to write; by default the sample photographs, upscaled to 1280x720
            and blurred by camera shake.
        count: number of pairs to write, at most.
        seconds: how long to read each form, after a first epoch that does not count.
    """
    from egnet_tf.data.pipeline import training_batches

    crop, batch = options.crop, options.batch
    pairs = _First(pairs or _UpscaledSamples(), count)
    rows = []
    for form in options.forms:
        with tempfile.TemporaryDirectory() as folder:
            written = FORMS[form](pairs, Path(folder))
            files = [path for path in Path(folder).rglob("*") if path.is_file()]
            megabytes = sum(path.stat().st_size for path in files) / 1e6
            # More steps than can be read in the time.
            batches = iter(
                training_batches(
                    written, crop=crop, batch=batch, seed=0, first_step=0, steps=10**6
                )
            )
            for _ in range(-(-len(written) // batch)):
                next(batches)
            done, start, cpu = 0, time.perf_counter(), time.process_time()
            while (passed := time.perf_counter() - start) < seconds or not done:
                next(batches)
                done += batch
            cpu = 1000 * (time.process_time() - cpu) / done
            rows.append(InputSpeed(form, done / passed, cpu, megabytes))
    return rows


class _First(Pairs):
    def __init__(self, pairs: Pairs, count: int):
        self._pairs = pairs
        self.names = pairs.names[:count]

    def read(self, index: int) -> Pair:
        return self._pairs.read(index)


class _UpscaledSamples(Pairs):
    """Each sample photograph to train on, as it is and mirrored in three ways."""

    def __init__(self):
        from egnet_tf.data.datasets.samples import sample_photos

        self._photos = [*sample_photos("train").values()]
        self.names = tuple(map(str, range(4 * len(self._photos))))

    def read(self, index: int) -> Pair:
        import cv2  # Of the extra `train`.

        from egnet_tf.data.synthesis import camera_shake

        way, photo = divmod(index, len(self._photos))
        sharp = cv2.resize(
            read_image(self._photos[photo]), (1280, 720), interpolation=cv2.INTER_CUBIC
        )
        sharp = sharp[:: -1 if way & 1 else 1, :: -1 if way & 2 else 1].copy()
        rng = np.random.default_rng(index)
        kernel = camera_shake.random_kernel(rng)
        return Pair(camera_shake.shake(sharp, kernel, rng), sharp)
