"""Writes the pairs of a dataset as shards or as images; a stopped job resumes.

What is complete stays: a shard is renamed into place when it is written, then its
list, and the manifest comes last. A job is described in `job.json` before the first
pixel is written, so that another job cannot resume in the same folder.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from egnet_tf.data.datasets.shards import (
    FORMAT,
    JOB,
    MANIFEST,
    Record,
    digest_of,
    read_records,
    shard_name,
)
from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.errors import InputError
from egnet_tf.files import read_json, write_json
from egnet_tf.images.write import write_image

# 200 MB of GoPro in crops of 512: little is lost to a kill, and files stay few.
PAIRS_PER_SHARD = 16


def crop_corners(
    height: int, width: int, size: int, overlap: int
) -> list[tuple[int, int]]:
    """Top and left of overlapping crops that cover an image.

    Along an axis of length L crops start every `size - overlap` pixels below
    L - size, and one at L - size: 720x1280 in crops of 512 that overlap by 256 has
    rows 0, 208 and columns 0, 256, 512, 768. An axis shorter than the crop has one.
    """

    def starts(length: int) -> list[int]:
        last = max(length - size, 0)
        return [*range(0, last, size - overlap), last]

    return [(top, left) for top in starts(height) for left in starts(width)]


def records_of(
    name: str, pair: Pair, crop: int, overlap: int
) -> Iterator[tuple[str, Pair]]:
    """The records of one pair: its crops, named `name-1`, `name-2`, ...

    Args:
        name: of the pair.
        pair: whole images.
        crop: side of the crops; 0 for one record, the whole pair, named `name`.
        overlap: of neighbouring crops, less than `crop`.
    """
    if not crop:
        yield name, pair
        return
    height, width = pair.sharp.shape[:2]
    corners = crop_corners(height, width, crop, overlap)
    for number, (top, left) in enumerate(corners, start=1):
        rows, columns = slice(top, top + crop), slice(left, left + crop)
        yield f"{name}-{number}", Pair(*(p[rows, columns] for p in pair))


def begin(folder: Path, job: Mapping[str, Any], names: Sequence[str]) -> dict:
    """Describes a job in its folder, or finds that it is the one to resume.

    Args:
        folder: made if missing.
        job: what the pairs are made from and how.
        names: of the pairs; `job.json` holds their number and their digest.

    Returns:
        The content of `job.json`.

    Raises:
        InputError: the folder holds another job's work.
    """
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    job = {"format": FORMAT, **job, "pairs": len(names), "names_sha256": digest}
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / JOB).is_file():
        before = read_json(folder / JOB)
        differing = [
            f"{key}={before.get(key)!r} there, {job.get(key)!r} asked for"
            for key in sorted({*job, *before})
            if before.get(key) != job.get(key)
        ]
        if differing:
            raise InputError(
                f"Expected a new folder, or the same job as in {folder}. Received: "
                + "; ".join(differing)
            )
    elif any(folder.iterdir()):
        raise InputError(f"Expected a new or an empty folder. Received: {folder}")
    write_json(folder / JOB, job)
    return job


def write_shards(
    pairs: Pairs,
    folder: Path,
    job: Mapping[str, Any],
    *,
    crop: int,
    overlap: int,
    workers: int,
    progress: Callable[[int], object],
) -> int:
    """Writes what is missing of the shards of all pairs, then the manifest.

    Memory: a decoded pair and a record for each worker.

    Args:
        pairs: what to write.
        folder: of the split.
        job: what `begin` returned.
        crop: see `records_of`; so is `overlap`.
        overlap: of neighbouring crops.
        workers: threads, each on a shard of its own.
        progress: called, from any thread, with the number of pairs just done.

    Returns:
        The number of records.

    Raises:
        InputError: a pair cannot be read.
        OSError: the disk is full or cannot be written.
    """
    stop = threading.Event()

    def shard(number: int) -> list[Record]:
        first = number * PAIRS_PER_SHARD
        indices = range(first, min(first + PAIRS_PER_SHARD, len(pairs)))
        try:
            records = read_records(folder, shard_name(number))
            progress(len(indices))
            return records
        except InputError:
            path = folder / shard_name(number)
            return _write_shard(pairs, indices, path, crop, overlap, stop, progress)

    numbers = range(-(-len(pairs) // PAIRS_PER_SHARD))
    lists = _in_threads(shard, numbers, workers, stop)
    shards = [
        {
            "name": shard_name(number),
            "records": len(records),
            "bytes": sum(2 * record.image_bytes for record in records),
            "sha256": digest_of(folder / f"{shard_name(number)}.json"),
        }
        for number, records in zip(numbers, lists, strict=True)
    ]
    count = sum(shard["records"] for shard in shards)
    write_json(folder / MANIFEST, {**job, "records": count, "shards": shards})
    return count


def _write_shard(
    pairs: Pairs,
    indices: Sequence[int],
    path: Path,
    crop: int,
    overlap: int,
    stop: threading.Event,
    progress: Callable[[int], object],
) -> list[Record]:
    records: list[Record] = []
    pixels = path.with_suffix(".bin")
    unfinished = path.with_suffix(".bin.unfinished")
    try:
        with open(unfinished, "wb") as file:
            for index in indices:
                if stop.is_set():
                    raise InterruptedError
                pair = pairs.read(index)
                for name, part in records_of(pairs.names[index], pair, crop, overlap):
                    records.append(_append(file, name, part))
                progress(1)
    except OSError as error:
        # A full disk does not say which.
        error.filename = error.filename or str(unfinished)
        raise
    os.replace(unfinished, pixels)
    write_json(path.with_suffix(".json"), {"records": records})
    return records


def _append(file: BinaryIO, name: str, part: Pair) -> Record:
    height, width = part.sharp.shape[:2]
    offset, crc = file.tell(), 0
    for image in part:
        content = np.ascontiguousarray(image).data
        file.write(content)
        crc = zlib.crc32(content, crc)
    return Record(name, offset, height, width, crc)


def write_images(
    pairs: Pairs,
    folder: Path,
    *,
    workers: int,
    progress: Callable[[int], object],
) -> int:
    """Writes `blurry/name.png` and `sharp/name.png`, which `--dataset=folder` reads.

    Args:
        pairs: what to write.
        folder: of the split.
        workers: threads.
        progress: called, from any thread, with the number of pairs just done.

    Returns:
        The number of pairs.

    Raises:
        InputError: a pair cannot be read.
        OSError: the disk is full or cannot be written.
    """
    stop = threading.Event()

    def one(index: int) -> None:
        if stop.is_set():
            raise InterruptedError
        files = [folder / k / f"{pairs.names[index]}.png" for k in ("blurry", "sharp")]
        if not all(file.is_file() for file in files):
            for file, image in zip(files, pairs.read(index), strict=True):
                write_image(file, image)
        progress(1)

    return len(_in_threads(one, range(len(pairs)), workers, stop))


def _in_threads(
    work: Callable[[int], Any], numbers: range, workers: int, stop: threading.Event
) -> list[Any]:
    """Does the work in threads, which a failure or an interrupt stops soon."""
    with concurrent.futures.ThreadPoolExecutor(workers) as threads:
        futures = [threads.submit(work, number) for number in numbers]
        try:
            # The first failure, not the first number, ends the wait.
            for done in concurrent.futures.as_completed(futures):
                done.result()
        except BaseException:
            stop.set()
            threads.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]
