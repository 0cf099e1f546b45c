"""Finds image files in folders and names them."""

from __future__ import annotations

import collections
import os
import re
from collections.abc import Iterator
from pathlib import Path

IMAGE_SUFFIXES = frozenset(
    """.apng .avif .bmp .dds .dib .gif .j2c .j2k .jfif .jp2 .jpc .jpe .jpeg .jpf .jpg
    .jpx .pbm .pcx .pgm .png .pnm .ppm .psd .qoi .ras .sgi .tga .tif .tiff
    .webp""".split()  # noqa: SIM905
)
"""What makes a file an image for every command: formats of photographs that Pillow
reads. Fixed, so that a folder is the same one on every machine."""


def find_images(root: Path) -> dict[str, Path]:
    """Finds every image below a folder by its suffix (`IMAGE_SUFFIXES`).

    Links are followed, except back into a folder that they lie in. Hidden files and
    folders are left out, and what is no file (a pipe).

    Returns:
        Name to file, in natural order (2 before 10). The name is the path below
        `root` with forward slashes and without the suffix, which stays only where
        two files would have one name.
    """
    found = [path for path in _files(root) if path.suffix.lower() in IMAGE_SUFFIXES]
    full = {path.relative_to(root).as_posix(): path for path in found}
    short = {name: name.rpartition(".")[0] for name in full}
    times = collections.Counter([*short.values(), *full])
    return {
        short[name] if times[short[name]] == 1 else name: full[name]
        for name in sorted(full, key=natural_order)
    }


def count_other_files(root: Path) -> dict[str, int]:
    """Counts the files below a folder that `find_images` leaves out.

    Returns:
        Suffix in lower case ("" for none) to how many files have it, the most
        frequent first; hidden files are not counted.
    """
    suffixes = (path.suffix.lower() for path in _files(root))
    counts = collections.Counter(s for s in suffixes if s not in IMAGE_SUFFIXES)
    return dict(counts.most_common())


def _files(root: Path) -> Iterator[Path]:
    """Yields the files below a folder, none of them hidden."""
    for folder, folders, files in os.walk(root, followlinks=True):
        inside = os.path.realpath(folder)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and not _leads_back(folder, name, inside)
        ]
        # Also leaves out the "._name.png" that macOS puts beside "name.png".
        paths = (Path(folder, name) for name in files if not name.startswith("."))
        yield from (path for path in paths if path.is_file())


def _leads_back(folder: str, name: str, inside: str) -> bool:
    path = os.path.join(folder, name)
    if not os.path.islink(path):
        return False
    target = os.path.realpath(path)
    return os.path.commonpath([target, inside]) == target


def natural_order(name: str) -> list[str | int]:
    """A sorting key under which frame_2 comes before frame_10."""
    # Every second part is a number, so that equal positions have equal types.
    parts = re.split(r"(\d+)", name)
    return [int(part) if part.isdecimal() else part for part in parts]
