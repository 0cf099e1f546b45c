"""Files that have several names in a folder: by links, or by links to folders."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

_LOG = logging.getLogger(__name__)


def real_file(path: str | os.PathLike[str]) -> tuple[int, int]:
    """What all names of a file have in common: its device and number there.

    Raises:
        OSError: it is gone.
    """
    found = os.stat(path)
    return found.st_dev, found.st_ino


def each_once(found: Mapping[str, Sequence[Path]], root: Path) -> list[str]:
    """The names that are left when no real file, or pair of files, has two.

    Kept is the name that leads over no link below `root`, otherwise the first: which
    files are held out depends on names. Warns of what is left out.

    Args:
        found: name to file, or to the files of a pair.
        root: the folder in which they were found.
    """
    names: dict[tuple[tuple[int, int], ...], list[str]] = {}
    for name, files in found.items():
        names.setdefault(tuple(map(real_file, files)), []).append(name)

    def linked(name: str) -> bool:
        return any(_linked(file, root) for file in found[name])

    kept = {x[0] if len(x) == 1 else min(x, key=linked) for x in names.values()}
    dropped = [name for name in found if name not in kept]
    if dropped:
        _LOG.warning(
            "Left out of %s: %d further names of its images, such as %s",
            *(root, len(dropped), dropped[0]),
        )
    return [name for name in found if name in kept]


def without(
    found: Mapping[str, Path], others: Collection[Path], split: str
) -> dict[str, Path]:
    """Leaves out, with a warning, the files that are among those of another split."""
    known = {real_file(file) for file in others}
    dropped = [name for name, file in found.items() if real_file(file) in known]
    if dropped:
        _LOG.warning(
            "Left out of the training images: %d that the %s images hold, too, such "
            "as %s",
            *(len(dropped), split, dropped[0]),
        )
    gone = set(dropped)
    return {name: file for name, file in found.items() if name not in gone}


def _linked(file: Path, root: Path) -> bool:
    straight = os.path.join(os.path.realpath(root), os.path.relpath(file, root))
    return os.path.realpath(file) != straight
