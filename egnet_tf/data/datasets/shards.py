"""The dataset `shards`: prepared pairs as raw pixels, for fast training.

    FOLDER/train/manifest.json       what they were made of, and the list of shards
    FOLDER/train/shard-00000.bin     records one after another: blurry, then sharp
    FOLDER/train/shard-00000.json    name, offset, size and checksum of each record

An image of a record is H x W x 3 bytes, row by row, so a training crop is one short
read of its rows: nothing is decoded and nothing but the crop is kept in memory.
Compressed forms and whole-record formats were slower; docs/data.md has the numbers.

Everything is verified: the manifest holds the SHA-256 of every list, the list the
CRC-32 of every record, which is checked the first time a process reads it.
"""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from egnet_tf.data.pairs import Pair, Pairs, random_corner, window
from egnet_tf.data.registry import NoOptions, Request, dataset
from egnet_tf.errors import InputError
from egnet_tf.files import read_json

FORMAT = 1
MANIFEST = "manifest.json"
JOB = "job.json"


class Record(NamedTuple):
    """Where a pair lies in its shard; a line of the shard's list."""

    name: str
    offset: int
    height: int
    width: int
    crc32: int

    @property
    def image_bytes(self) -> int:
        """Bytes of one of its two images."""
        return self.height * self.width * 3


def shard_name(number: int) -> str:
    """The name of a shard's two files, without the suffix."""
    return f"shard-{number:05}"


def read_records(folder: Path, shard: str) -> list[Record]:
    """Reads the list of a shard and checks that the pixels are all there.

    Raises:
        InputError: the list or the shard is missing, damaged or too short.
    """
    content = read_json(folder / f"{shard}.json")
    try:
        records = [Record(*record) for record in content["records"]]
        expected = sum(2 * record.image_bytes for record in records)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"Expected a list of records in {folder / shard}.json. Received: {error!r}"
        ) from None
    pixels = folder / f"{shard}.bin"
    size = pixels.stat().st_size if pixels.is_file() else 0
    if size != expected:
        raise InputError(
            f"Expected {expected} bytes in {pixels}: prepare it again. Received: {size}"
        )
    return records


def digest_of(path: Path) -> str:
    """SHA-256 of a small file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


class ShardPairs(Pairs):
    """Pairs of one prepared split.

    Kept in memory: the lists (about 200 bytes a pair) and no pixels.

    Args:
        folder: holds `manifest.json`.

    Raises:
        InputError: the preparation is missing, unfinished or damaged.
    """

    def __init__(self, folder: Path):
        if not (folder / MANIFEST).is_file():
            unfinished = (folder / JOB).is_file()
            raise InputError(
                f"Expected {folder / MANIFEST}, which python -m egnet_tf.prepare "
                "writes last. Received: "
                + ("an unfinished preparation" if unfinished else "no such file")
            )
        self.manifest = read_json(folder / MANIFEST)
        if self.manifest.get("format") != FORMAT:
            raise InputError(
                f"Expected shards of format {FORMAT} in {folder}. "
                f"Received: {self.manifest.get('format')}"
            )
        self._files: list[Path] = []
        self._records: list[Record] = []
        for shard in self.manifest["shards"]:
            records = read_records(folder, shard["name"])
            if digest_of(folder / f"{shard['name']}.json") != shard["sha256"]:
                raise InputError(
                    f"Expected the list that {folder / MANIFEST} names. Received: "
                    f"another {shard['name']}.json"
                )
            self._records += records
            self._files += [folder / f"{shard['name']}.bin"] * len(records)
        self.names = tuple(record.name for record in self._records)
        self._verified = bytearray(len(self.names))

    def read(self, index: int) -> Pair:
        """Reads a whole record; see `Pairs.read`."""
        record = self._records[index]
        pixels = self._bytes(index, 0, 2 * record.image_bytes)
        if not self._verified[index]:
            if zlib.crc32(pixels.data) != record.crc32:
                raise InputError(
                    f"Expected the pixels that were prepared for {record.name}. "
                    f"Received: damaged ones in {self._files[index]} (prepare it again)"
                )
            self._verified[index] = True
        return Pair(*pixels.reshape(2, record.height, record.width, 3))

    def crop(self, index: int, size: int, rng: np.random.Generator) -> Pair:
        """As `Pairs.crop`; reads only the rows of the window."""
        record = self._records[index]
        top, left = random_corner(record.height, record.width, size, rng)
        if not self._verified[index]:
            images = self.read(index)
            return Pair(*(window(p, top, left, size, size) for p in images))
        rows = min(size, record.height)
        pitch = record.width * 3
        starts = (top * pitch, record.image_bytes + top * pitch)
        strips = [
            self._bytes(index, start, rows * pitch).reshape(rows, record.width, 3)
            for start in starts
        ]
        return Pair(*(window(strip, 0, left, size, size) for strip in strips))

    def _bytes(self, index: int, start: int, count: int) -> np.ndarray:
        # Opened for each read: no limit on open files, nothing mapped or shared.
        offset = self._records[index].offset + start
        try:
            pixels = np.fromfile(self._files[index], np.uint8, count, offset=offset)
        except OSError as error:
            raise InputError(
                f"Expected a readable shard. Received: {self._files[index]} "
                f"({error.strerror})"
            ) from None
        if len(pixels) != count:
            raise InputError(
                f"Expected {count} bytes from {offset} on in {self._files[index]}. "
                f"Received: {len(pixels)}"
            )
        return pixels


@dataset("shards")
def open_shards(request: Request, _: NoOptions) -> ShardPairs:
    """Opens a split that `egnet_tf.prepare` wrote; see `ShardPairs`."""
    return ShardPairs(request.root / request.split)
