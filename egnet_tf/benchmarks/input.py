"""Measures how fast training crops come out of files of different forms.

The same pairs are written to a temporary folder in each form and read through the
training pipeline, without any cache of decoded images, as with a dataset that is
larger than the memory. The files have just been written, so the operating system has
them in memory: this measures decoding and copying, not the disk.
"""

from __future__ import annotations

import importlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import cv2
import numpy as np
import tensorflow as tf

from egnet_tf.data import open_pairs
from egnet_tf.data.datasets.samples import sample_photos
from egnet_tf.data.datasets.shards import ShardPairs
from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.data.pipeline import training_batches
from egnet_tf.data.prepare import records_of, write_images, write_shards
from egnet_tf.data.synthesis import camera_shake
from egnet_tf.errors import InputError
from egnet_tf.images.read import read_image
from egnet_tf.images.write import write_image

_STORED_CROP, _OVERLAP = 512, 256
_CPUS = os.cpu_count() or 1

# (crop, batch, steps) -> batches
_Reader = Callable[[int, int, int], tf.data.Dataset]


class InputSpeed(NamedTuple):
    """One row of the result.

    Attributes:
        form: one of `FORMS`.
        pairs_per_second: training crops, of both images, as float32 batches.
        megabytes: on disk, of all pairs.
    """

    form: str
    pairs_per_second: float
    megabytes: float


def measure_input(
    pairs: Pairs | None = None,
    *,
    forms: Sequence[str] = ("png", "shards"),
    count: int = 16,
    crop: int = 256,
    batch: int = 16,
    seconds: float = 5.0,
) -> list[InputSpeed]:
    """Measures the forms one after another.

    Args:
        pairs: what to write; by default the sample photographs, enlarged to 1280x720
            and shaken.
        forms: of `FORMS`; `array_record` needs the package of that name.
        count: how many pairs to write, at most.
        crop: side of the training crops.
        batch: crops a batch.
        seconds: how long to read each form, after a first epoch that does not count.

    Returns:
        A row for each form.

    Raises:
        InputError: no such form, or its package is missing.
    """
    unknown = [form for form in forms if form not in FORMS]
    if unknown:
        raise InputError(
            f"Expected forms of {', '.join(FORMS)}. Received: {', '.join(unknown)}"
        )
    pairs = _First(pairs or _EnlargedSamples(), count)
    rows = []
    for form in forms:
        with tempfile.TemporaryDirectory() as folder:
            read, records = FORMS[form](pairs, Path(folder))
            files = [path for path in Path(folder).rglob("*") if path.is_file()]
            megabytes = sum(path.stat().st_size for path in files) / 1e6
            # More steps than can be read in the time.
            batches = iter(read(crop, batch, 10**6))
            for _ in range(-(-records // batch)):
                next(batches)
            done, start = 0, time.perf_counter()
            while (passed := time.perf_counter() - start) < seconds or not done:
                next(batches)
                done += batch
            rows.append(InputSpeed(form, done / passed, megabytes))
    return rows


def _through_pipeline(pairs: Pairs) -> tuple[_Reader, int]:
    def read(crop: int, batch: int, steps: int) -> tf.data.Dataset:
        return training_batches(
            pairs, crop=crop, batch=batch, seed=0, first_step=0, steps=steps
        )

    return read, len(pairs)


def _png(pairs: Pairs, folder: Path) -> tuple[_Reader, int]:
    """Whole images, as GoPro is published."""
    write_images(pairs, folder, workers=_CPUS, progress=lambda _: None)
    return _through_pipeline(
        open_pairs("folder", data_dir=str(folder), split="test", cache_bytes=0)
    )


def _png_crops(pairs: Pairs, folder: Path) -> tuple[_Reader, int]:
    """Overlapping crops of 512 as PNG files, as Restormer and NAFNet prepare them."""
    for name, record in _records(pairs):
        for kind, image in zip(("blurry", "sharp"), record, strict=True):
            write_image(folder / kind / f"{name}.png", image)
    return _through_pipeline(
        open_pairs("folder", data_dir=str(folder), split="test", cache_bytes=0)
    )


def _shards(pairs: Pairs, folder: Path) -> tuple[_Reader, int]:
    """What `egnet_tf.prepare` writes."""
    write_shards(
        pairs,
        folder,
        {"format": 1},
        crop=_STORED_CROP,
        overlap=_OVERLAP,
        workers=_CPUS,
        progress=lambda _: None,
    )
    return _through_pipeline(ShardPairs(folder))


def _array_record(pairs: Pairs, folder: Path) -> tuple[_Reader, int]:
    """Raw crops in an ArrayRecord file, read one record at a time."""
    module = _optional("array_record.python.array_record_module")
    file = str(folder / "crops.array_record")
    writer = module.ArrayRecordWriter(file, "group_size:1,uncompressed")
    shapes = []
    for _, record in _records(pairs):
        writer.write(np.stack(record).tobytes())
        shapes.append(record.sharp.shape)
    writer.close()
    reader = module.ArrayRecordReader(file, "readahead_buffer_size:0")
    return _through_pipeline(_ArrayRecords(reader, shapes))


def _tfrecord(pairs: Pairs, folder: Path) -> tuple[_Reader, int]:
    """Raw crops in a TFRecord file, which can only be read from front to back."""
    file = str(folder / "crops.tfrecord")
    count = 0
    with tf.io.TFRecordWriter(file) as writer:
        for _, record in _records(pairs):
            writer.write(np.stack(record).tobytes())
            count += 1

    def read(crop: int, batch: int, steps: int) -> tf.data.Dataset:
        def parse(content: tf.Tensor) -> tf.Tensor:
            pair = tf.io.decode_raw(content, tf.uint8)
            pair = tf.reshape(pair, (2, _STORED_CROP, _STORED_CROP, 3))
            return tf.image.random_crop(pair, (2, crop, crop, 3))

        return (
            tf.data.TFRecordDataset(file)
            .repeat()
            .map(parse, num_parallel_calls=_CPUS)
            .batch(batch)
            .map(lambda batch: tf.cast(batch, tf.float32) / 255.0)
            .take(steps)
            .prefetch(2)
        )

    return read, count


FORMS: dict[str, Callable[[Pairs, Path], tuple[_Reader, int]]] = {
    "png": _png,
    "png_crops": _png_crops,
    "tfrecord": _tfrecord,
    "array_record": _array_record,
    "shards": _shards,
}


def _records(pairs: Pairs) -> Iterator[tuple[str, Pair]]:
    for index, name in enumerate(pairs.names):
        yield from records_of(name, pairs.read(index), _STORED_CROP, _OVERLAP)


def _optional(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise InputError(
            f"Expected the package {package} (pip install {package}). Received: none"
        ) from None


class _First(Pairs):
    def __init__(self, pairs: Pairs, count: int):
        self._pairs = pairs
        self.names = pairs.names[:count]

    def read(self, index: int) -> Pair:
        return self._pairs.read(index)


class _ArrayRecords(Pairs):
    def __init__(self, reader: object, shapes: Sequence[tuple[int, ...]]):
        self._reader, self._shapes = reader, shapes
        self.names = tuple(map(str, range(len(shapes))))

    def read(self, index: int) -> Pair:
        (content,) = self._reader.read([index])
        pixels = np.frombuffer(content, np.uint8)
        return Pair(*pixels.reshape(2, *self._shapes[index]))


class _EnlargedSamples(Pairs):
    """Each sample photograph to train on, as it is and mirrored in three ways."""

    def __init__(self):
        self._photos = [*sample_photos("train").values()]
        self.names = tuple(map(str, range(4 * len(self._photos))))

    def read(self, index: int) -> Pair:
        way, photo = divmod(index, len(self._photos))
        sharp = cv2.resize(
            read_image(self._photos[photo]), (1280, 720), interpolation=cv2.INTER_CUBIC
        )
        sharp = sharp[:: -1 if way & 1 else 1, :: -1 if way & 2 else 1].copy()
        rng = np.random.default_rng(index)
        kernel = camera_shake.random_kernel(rng)
        return Pair(camera_shake.shake(sharp, kernel, rng), sharp)
