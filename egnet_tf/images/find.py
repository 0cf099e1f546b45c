"""Finds image files in folders and names them: the one rule of every command."""

from __future__ import annotations

import collections
import errno
import heapq
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from egnet_tf.errors import InputError

IMAGE_SUFFIXES = frozenset(
    """.apng .avif .bmp .dds .dib .gif .heic .heif .hif .j2c .j2k .jfif .jp2 .jpc .jpe
    .jpeg .jpf .jpg .jpx .pbm .pcx .pgm .png .pnm .ppm .psd .qoi .ras .sgi .tga .tif
    .tiff .webp""".split()  # noqa: SIM905
)
"""What makes a file an image for every command: formats of photographs that
`egnet_tf.images.read` reads. Fixed, so that a folder is the same one on every
machine."""

_CLUTTER = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir"),
        *("$recycle.bin", "system volume information", "lost+found"),
    }
)
"""What systems leave in folders, in lower case; so is what is hidden by a dot."""


class Found(NamedTuple):
    """What is below a folder.

    Attributes:
        images: name to file, in natural order (2 before 10). The name is the path
            below the folder with forward slashes and without the suffix, which stays
            only where two files would have one name.
        left_out: how many entries are no images of their own, by their kind, the most
            frequent first. The kind is the suffix in lower case, or words.
        unreadable: entries that cannot be looked at, with the reason.
    """

    images: dict[str, Path]
    left_out: dict[str, int]
    unreadable: dict[Path, str]


def find_images(root: Path) -> dict[str, Path]:
    """Finds every image below a folder; see `search` and `Found.images`.

    Here each name of a file counts, as two pairs may share a sharp image; for images
    on their own see `egnet_tf.data.real_files`.

    Raises:
        InputError: the folder or one below it cannot be read.
    """
    found = search(root, every_name=True)
    for path, reason in found.unreadable.items():
        raise InputError(
            f"Expected folders to be readable. Received: {path} ({reason})"
        )
    return found.images


def search(root: Path, *, every_name: bool = False) -> Found:
    """Looks at every entry below a folder.

    An image is a file with a suffix of `IMAGE_SUFFIXES`. Each real file counts once:
    of several links to it, and of links to a folder, the first in natural order, and
    none if the file itself lies below `root`. Links that lead back, to a folder that
    they lie in, are not followed. Hidden entries and what systems leave behind do not
    count at all. With `every_name`, each name of a file counts, though a folder still
    does once.
    """
    found = _Search(root, every_name)
    # Links wait until all real folders were searched, so that what they lead to
    # counts where it really is.
    folders = [root]
    while folders or found.links:
        if not folders:
            folders = [*found.next_link()]
            continue
        folders = [*found.enter(folders[0]), *folders[1:]]
    full = {path.relative_to(root).as_posix(): path for path in found.images}
    short = {name: name.rpartition(".")[0] for name in full}
    times = collections.Counter([*short.values(), *full])
    images = {
        short[name] if times[short[name]] == 1 else name: full[name]
        for name in sorted(full, key=natural_order)
    }
    return Found(images, dict(found.left_out.most_common()), found.unreadable)


class _Search:
    """The state of `search`."""

    def __init__(self, root: Path, every_name: bool):
        self._every_name = every_name
        self.images: list[Path] = []
        self.left_out: collections.Counter[str] = collections.Counter()
        self.unreadable: dict[Path, str] = {}
        self.links: list[tuple[list[str | int], Path]] = []  # A heap.
        self._root = os.path.realpath(root)
        self._seen: set[tuple[int, int]] = set()

    def enter(self, folder: Path) -> Iterator[Path]:
        """Looks at a folder's own entries; yields the folders in it."""
        try:
            with os.scandir(folder) as entries:
                names = sorted((e.name for e in entries), key=natural_order)
            about = os.stat(folder)
        except FileNotFoundError:
            return  # A folder that is not there, or not any more, has no images.
        except OSError as error:
            self.unreadable[folder] = error.strerror or str(error)
            return
        if not self._is_new(about):
            self.left_out["a link to a folder that counts already"] += 1
            return
        for name in names:
            if is_clutter(name):
                continue
            path = folder / name
            if path.is_symlink():
                heapq.heappush(self.links, (natural_order(str(path)), path))
            else:
                yield from self._look(path)

    def next_link(self) -> Iterator[Path]:
        """Looks at a link; yields the folder that it leads to."""
        _, path = heapq.heappop(self.links)
        target = os.path.realpath(path)
        for inside in (os.path.realpath(path.parent), self._root):
            # A name may not be comparable with another one: of two drives.
            if inside == target or inside.startswith(target.rstrip(os.sep) + os.sep):
                self.left_out["a link to a folder that it lies in"] += 1
                return
        yield from self._look(path)

    def _look(self, path: Path) -> Iterator[Path]:
        try:
            about = path.stat()
        except OSError as error:
            if path.is_symlink() and error.errno in (errno.ENOENT, errno.ELOOP):
                self.left_out["a link to nothing"] += 1
            else:
                self.unreadable[path] = error.strerror or str(error)
            return
        if stat.S_ISDIR(about.st_mode):
            yield path
        elif not stat.S_ISREG(about.st_mode):
            self.left_out["a pipe, socket or device"] += 1
        elif path.suffix.lower() not in IMAGE_SUFFIXES:
            self.left_out[path.suffix.lower() or "without a suffix"] += 1
        elif self._every_name or self._is_new(about):
            self.images.append(path)
        else:
            self.left_out["a second name of an image"] += 1

    def _is_new(self, about: os.stat_result) -> bool:
        identity = about.st_dev, about.st_ino
        if about.st_ino and identity in self._seen:
            return False
        self._seen.add(identity)
        return True


def is_clutter(name: str) -> bool:
    """Whether a file or folder does not count: hidden, or left behind by a system."""
    return name.startswith(".") or name.lower() in _CLUTTER


def natural_order(name: str) -> list[str | int]:
    """A sorting key under which frame_2 comes before frame_10."""
    # Every second part is a number, so that equal positions have equal types.
    parts = re.split(r"(\d+)", name)
    return [int(part) if part.isdecimal() else part for part in parts]
