"""Pairs that are two image files each, matched by name and checked on opening."""

from __future__ import annotations

import concurrent.futures
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.data.real_files import each_once
from egnet_tf.errors import InputError
from egnet_tf.images.cache import Reader, cached_reader
from egnet_tf.images.read import read_size


class FilePairs(Pairs):
    """Pairs of files: name to (blurry file, sharp file).

    Opening reads the headers of all files, so that every missing file and every pair of
    unequal size is known before training starts.

    Raises:
        InputError: there is no pair, or some pairs cannot be used; names them all.
    """

    def __init__(
        self,
        files: Mapping[str, tuple[Path, Path]],
        *,
        read: Reader | None = None,
    ):
        if not files:
            raise InputError("Expected pairs of images. Received: none")
        with concurrent.futures.ThreadPoolExecutor() as threads:
            faults = [f for f in threads.map(_fault, files.values()) if f]
        if faults:
            raise InputError(
                "Expected a readable blurry and sharp image of equal size for each "
                f"of {len(files)} names. Received: {len(faults)} others: "
                + "; ".join(faults)
            )
        every = [file for pair in files.values() for file in pair]
        root = Path(os.path.commonpath([file.parent for file in every]))
        self.names = tuple(each_once(files, root))
        self.files = tuple(files[name] for name in self.names)
        self._read = read or cached_reader()

    def source_files(self) -> Iterable[Path]:
        """See `Pairs.source_files`."""
        return dict.fromkeys(file for files in self.files for file in files)

    def read(self, index: int) -> Pair:
        """Reads both files; see `Pairs.read`. The arrays are read-only."""
        pair = Pair(*map(self._read, self.files[index]))
        if pair.blurry.shape != pair.sharp.shape:
            # Equal in the headers, but unequal once turned by the EXIF orientation.
            raise InputError(
                "Expected a blurry and a sharp image of equal size. Received: "
                f"{pair.blurry.shape[:2]} and {pair.sharp.shape[:2]} (height, width), "
                f"{self.files[index][0]} and {self.files[index][1]}"
            )
        return pair


def _fault(files: tuple[Path, Path]) -> str | None:
    sizes = []
    for file in files:
        try:
            sizes.append(read_size(file)[::-1])
        except InputError:
            return f"{file} is {'not readable' if file.exists() else 'missing'}"
    blurry, sharp = sizes
    # Turned by the EXIF orientation they may still agree: `read` decides.
    if sorted(blurry) != sorted(sharp):
        return f"{files[0]} is {blurry} but {files[1]} is {sharp} (width, height)"
    return None


def match_names(
    blurry: Mapping[str, Path], sharp: Mapping[str, Path], where: str
) -> dict[str, tuple[Path, Path]]:
    """Pairs files of the same name; `where` is what the message calls the dataset.

    Returns:
        Name to (blurry file, sharp file), in the order of `blurry`.

    Raises:
        InputError: an image has no partner; names them all.
    """
    unmatched = [
        *(f"{file} (no sharp one)" for x, file in blurry.items() if x not in sharp),
        *(f"{file} (no blurry one)" for x, file in sharp.items() if x not in blurry),
    ]
    if len(unmatched) == len(blurry) + len(sharp):
        raise InputError(
            f"Expected blurry and sharp images of the same names in {where}. "
            f"Received: blurry {_some(blurry)}; sharp {_some(sharp)}"
        )
    if unmatched:
        raise InputError(
            f"Expected a blurry and a sharp image of each name in {where}. Received: "
            f"{len(unmatched)} without a partner: " + "; ".join(unmatched)
        )
    return {name: (blurry[name], sharp[name]) for name in blurry}


def warn_of_count(name: str, split: str, count: int, published: int) -> None:
    """Warns when a dataset is not as large as its authors publish."""
    if count != published:
        logging.getLogger(__name__).warning(
            "%s %s: expected %d pairs. Received: %d", name, split, published, count
        )


def _some(names: Mapping[str, Path]) -> str:
    if not names:
        return "none"
    return ", ".join(list(names)[:3]) + (", ..." if len(names) > 3 else "")
