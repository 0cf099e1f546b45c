"""The dataset `shards`: prepared pairs as raw pixels, for fast training.

    FOLDER/train/000000.npy       the crops of the first pair: uint8 of shape
                                  (crops, 2, height, width, 3), blurry before sharp
    FOLDER/train/manifest.json    what they were made of, and a checksum of each crop

A training crop is a read of its rows: nothing is decoded, and nothing but the crop is
kept in memory. Compressed forms were slower; docs/data.md has the numbers. A crop is
verified against the CRC-32 in the manifest the first time a process reads it.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.data.registry import NoOptions, Request, dataset
from egnet_tf.errors import InputError
from egnet_tf.files import read_json

FORMAT = 2
MANIFEST = "manifest.json"
JOB = "job.json"


def shard_file(folder: Path, number: int) -> Path:
    """The file of the pair with that number."""
    return folder / f"{number:06}.npy"


def mapped_shard(file: Path) -> np.memmap:
    """Maps a shard, uint8 (crops, 2, height, width, 3); reads its header only.

    Raises:
        InputError: it is missing, cut off, or holds something else.
    """
    try:
        # Not np.load, which takes archives as well. The header is parsed as Python:
        # a damaged one may raise anything.
        crops = np.lib.format.open_memmap(file, mode="r")
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"Expected a whole shard: prepare it again. Received: {file} ({reason})"
        ) from None
    crop = crops.shape[1:]
    if crops.dtype != np.uint8 or not crops.size or crop[0:1] + crop[3:] != (2, 3):
        raise InputError(
            "Expected a shard of uint8 (crops, 2, height, width, 3): prepare it again. "
            f"Received: {file} of {crops.dtype} {crops.shape}"
        )
    return crops


def _checked_shards(manifest: Mapping[str, Any], folder: Path) -> list[dict[str, int]]:
    shards = manifest["shards"]
    if not isinstance(shards, list) or not all(
        isinstance(shard, dict) and all(type(x) is int for x in shard.values())
        for shard in shards
    ):
        raise InputError(
            "Expected a manifest with the checksums of each crop. "
            f"Received: other values in {folder / MANIFEST}"
        )
    return shards


class _Crop(NamedTuple):
    """Where a crop lies in its file."""

    name: str
    file: Path
    start: int
    shape: tuple[int, ...]
    crc32: int


class ShardPairs(Pairs):
    """Pairs of one prepared split, one a crop; its folder holds `manifest.json`.

    Kept in memory: where the crops lie (about 200 bytes each) and no pixels. The arrays
    that are read are views of the file.

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
        if self.manifest.get("format") != FORMAT or "shards" not in self.manifest:
            raise InputError(
                f"Expected shards of format {FORMAT} in {folder}. "
                f"Received: {self.manifest.get('format')}"
            )
        self._crops: list[_Crop] = []
        for number, shard in enumerate(_checked_shards(self.manifest, folder)):
            file = shard_file(folder, number)
            crops = mapped_shard(file)
            if len(crops) != len(shard):
                raise InputError(
                    f"Expected {len(shard)} crops: prepare it again. "
                    f"Received: {len(crops)} in {file}"
                )
            for crop, (name, crc32) in enumerate(shard.items()):
                shape = crops.shape[1:]
                start = crops.offset + crop * math.prod(shape)
                self._crops.append(_Crop(name, file, start, shape, crc32))
        self.names = tuple(crop.name for crop in self._crops)
        self._folder = folder
        self._verified = bytearray(len(self.names))

    def source_files(self) -> Iterable[Path]:
        """See `Pairs.source_files`; the manifest is one of them."""
        return [self._folder / MANIFEST, *dict.fromkeys(x.file for x in self._crops)]

    def read(self, index: int) -> Pair:
        """Maps a crop; see `Pairs.read`. The arrays are read-only."""
        _, file, start, shape, crc32 = self._crops[index]
        try:
            # Opened for each read: no limit on open files.
            pixels = np.asarray(np.memmap(file, np.uint8, "r", start, shape))
        except (OSError, ValueError) as error:
            raise InputError(
                f"Expected a readable shard. Received: {file} ({error})"
            ) from None
        if not self._verified[index]:
            if zlib.crc32(pixels.data) != crc32:
                raise InputError(
                    f"Expected the pixels that were prepared for {self.names[index]}. "
                    f"Received: damaged ones in {file} (prepare it again)"
                )
            self._verified[index] = True
        return Pair(*pixels)


@dataset("shards")
def open_shards(request: Request, _: NoOptions) -> ShardPairs:
    """Opens a split that `egnet_tf.prepare` wrote; see `ShardPairs`."""
    return ShardPairs(request.root / request.split)
