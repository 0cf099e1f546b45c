"""Writes the pairs of a dataset as shards or as images; a stopped job resumes.

What is complete stays: a file is moved into place when it is written, and the manifest
comes last. A job is described in `job.json` before the first pixel is written, so that
another job cannot resume in the same folder.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egnet_tf.data.datasets.shards import (
    FORMAT,
    JOB,
    MANIFEST,
    mapped_shard,
    shard_file,
)
from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.data.registry import parse_dataset
from egnet_tf.errors import InputError
from egnet_tf.files import (
    path_below,
    read_json,
    remove_unfinished,
    replacing,
    write_json,
)
from egnet_tf.images.write import write_image
from egnet_tf.locks import LOCK


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


def cut(pair: Pair, crop: int, overlap: int) -> np.ndarray:
    """The crops of a pair, see `crop_corners`.

    Args:
        pair: whole images, of height H and width W.
        crop: side of the crops; 0 for one of the whole images.
        overlap: of neighbouring crops, less than `crop`.

    Returns:
        uint8 (crops, 2, min(crop, H), min(crop, W), 3), blurry before sharp.
    """
    images = np.stack(pair)
    height, width = images.shape[1:3]
    if not crop:
        return images[None]
    corners = crop_corners(height, width, crop, overlap)
    return np.stack([images[:, y : y + crop, x : x + crop] for y, x in corners])


def begin(folder: Path, job: Mapping[str, Any], names: Sequence[str]) -> dict:
    """Describes a job in its folder, or finds that it is the one to resume.

    `job` says what the pairs are made from and how; `job.json` also holds the number of
    their names and a digest of them. Where the dataset lies may differ: it may have
    been moved. Only for the process that has the folder to itself
    (`egnet_tf.locks`): what a killed one left unfinished is deleted.

    Returns:
        The content of `job.json`.

    Raises:
        InputError: the folder holds another job's work.
    """
    text = "\n".join(names).encode("utf-8", "surrogateescape")
    digest = hashlib.sha256(text).hexdigest()
    job = {"format": FORMAT, **job, "pairs": len(names), "names_sha256": digest}
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / JOB).is_file():
        before = read_json(folder / JOB)
        one, other = _without_folders(before), _without_folders(job)
        differing = [
            f"{key}={one.get(key)!r} there, {other.get(key)!r} asked for"
            for key in sorted({*one, *other})
            if one.get(key) != other.get(key)
        ]
        if differing:
            raise InputError(
                f"Expected a new folder, or the same job as in {folder}. Received: "
                + "; ".join(differing)
            )
        for parent, _, _ in os.walk(folder):
            remove_unfinished(Path(parent))
    elif any(path.name != LOCK for path in folder.iterdir()):
        raise InputError(f"Expected a new or an empty folder. Received: {folder}")
    write_json(folder / JOB, job)
    return job


def _without_folders(job: Mapping[str, Any]) -> dict[str, Any]:
    """A job without where its dataset lies."""
    kept = {key: value for key, value in job.items() if key != "data_dir"}
    try:
        sources = parse_dataset(kept["dataset"])
    except (KeyError, TypeError, InputError):
        return kept  # Of a dataset that no longer exists.
    return {**kept, "dataset": [f"{x.name}*{x.weight:g}" for x in sources]}


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

    A shard that is there is kept; one that is not as an earlier manifest says is
    written again. Memory: a decoded pair and its crops for each worker, a thread. `job`
    is what `begin` returned, `crop` and `overlap` are those of `cut`, and `progress` is
    called, from any thread, with the number of pairs just done.

    Returns:
        The number of crops.

    Raises:
        InputError: a pair cannot be read.
        OSError: the disk is full or cannot be written.
    """
    known = _earlier_manifest(folder, len(pairs))

    def shard(number: int) -> dict[str, int]:
        name, file = pairs.names[number], shard_file(folder, number)
        if file.is_file():
            entry = _checksums(name, file, whole=not crop)
            if entry and (not known or entry == known[number]):
                return entry
        with replacing(file) as unfinished:
            _save(unfinished, cut(pairs.read(number), crop, overlap))
        return _checksums(name, file, whole=not crop)

    shards = _in_threads(shard, len(pairs), workers, progress)
    write_json(folder / MANIFEST, {**job, "format": FORMAT, "shards": shards})
    return sum(map(len, shards))


def _save(path: Path, crops: np.ndarray) -> None:
    """Does what np.save does, whose error about a full disk does not say so."""
    layout = np.lib.format
    with path.open("wb") as file:
        layout.write_array_header_1_0(file, layout.header_data_from_array_1_0(crops))
        file.write(np.ascontiguousarray(crops).data)


def _earlier_manifest(folder: Path, count: int) -> list[Any]:
    """What is known of each file; empty if no preparation was finished here."""
    try:
        known = read_json(folder / MANIFEST)
        known = known.get("shards", known.get("images"))
    except InputError:
        return []
    return known if isinstance(known, list) and len(known) == count else []


def _checksums(name: str, file: Path, whole: bool) -> dict[str, int]:
    """CRC-32 of a shard's crops by their names: name-1, ...; {} if it is damaged."""
    try:
        crops = mapped_shard(file)
    except InputError:
        return {}
    names = [name] if whole else [f"{name}-{k + 1}" for k in range(len(crops))]
    sums = (zlib.crc32(crop.data) for crop in crops)
    return dict(zip(names, sums, strict=True))


def write_images(
    pairs: Pairs,
    folder: Path,
    job: Mapping[str, Any],
    *,
    workers: int,
    progress: Callable[[int], object],
) -> int:
    """Writes `blurry/name.png` and `sharp/name.png`, which `--dataset=folder` reads.

    Then the manifest with a CRC-32 of each file. For `job`, `workers` and `progress`,
    and for what is kept of an earlier preparation, see `write_shards`.

    Returns:
        The number of pairs.

    Raises:
        InputError: a pair cannot be read, or its name leads out of the folder.
        OSError: the disk is full or cannot be written.
    """
    known = _earlier_manifest(folder, len(pairs))

    def write(index: int) -> list[int]:
        name = f"{pairs.names[index]}.png"
        files = [path_below(folder / kind, name) for kind in ("blurry", "sharp")]
        if all(file.is_file() for file in files):
            sums = [zlib.crc32(file.read_bytes()) for file in files]
            if not known or sums == known[index]:
                return sums
        for file, image in zip(files, pairs.read(index), strict=True):
            write_image(file, image)
        return [zlib.crc32(file.read_bytes()) for file in files]

    sums = _in_threads(write, len(pairs), workers, progress)
    write_json(folder / MANIFEST, {**job, "format": FORMAT, "images": sums})
    return len(sums)


def _in_threads(
    work: Callable[[int], Any],
    count: int,
    workers: int,
    progress: Callable[[int], object],
) -> list[Any]:
    """Does the work in threads, which a failure or an interrupt stops soon."""
    stop = threading.Event()

    def one(number: int) -> Any:
        if stop.is_set():
            raise InterruptedError
        result = work(number)
        progress(1)
        return result

    with concurrent.futures.ThreadPoolExecutor(workers) as threads:
        futures = [threads.submit(one, number) for number in range(count)]
        try:
            # The first failure, not the first number, ends the wait.
            for done in concurrent.futures.as_completed(futures):
                done.result()
        except BaseException:
            stop.set()
            threads.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]
