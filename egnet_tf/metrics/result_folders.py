"""Finds the pictures of two folders that belong together: by name, never by order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from egnet_tf.errors import InputError

_SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".ppm")
)


class Match(NamedTuple):
    """The files of two folders, by their path in it without the suffix.

    Attributes:
        pairs: name -> (restored file, sharp file), in the order of the names.
        only_restored: restored files without a sharp one.
        only_sharp: sharp files without a restored one.
    """

    pairs: dict[str, tuple[Path, Path]]
    only_restored: tuple[Path, ...]
    only_sharp: tuple[Path, ...]


def match_folders(
    restored: str | os.PathLike[str], sharp: str | os.PathLike[str]
) -> Match:
    """Matches a method's results with the sharp pictures.

    `restored/street/001.png` belongs to `sharp/street/001.jpg`. Hidden files and files
    that are no pictures by their suffix are not looked at.

    Args:
        restored: a folder, searched through all its levels.
        sharp: a folder, searched in the same way.

    Raises:
        InputError: one is no folder, two files of a folder differ only by suffix, or
            no name is in both.
    """
    in_restored, in_sharp = _pictures(Path(restored)), _pictures(Path(sharp))
    common = sorted(in_restored.keys() & in_sharp.keys())
    if not common:
        examples = [
            str(next(iter(found.values()), f"no pictures in {folder}"))
            for found, folder in ((in_restored, restored), (in_sharp, sharp))
        ]
        raise InputError(
            "Expected restored and sharp pictures of the same names (suffixes may "
            f"differ). Received: {examples[0]} and {examples[1]}"
        )
    return Match(
        {name: (in_restored[name], in_sharp[name]) for name in common},
        tuple(in_restored[name] for name in sorted(in_restored.keys() - set(common))),
        tuple(in_sharp[name] for name in sorted(in_sharp.keys() - set(common))),
    )


def _pictures(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"Expected a folder of pictures. Received: {folder}")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if hidden or path.suffix.lower() not in _SUFFIXES or not path.is_file():
            continue
        name = inside.with_suffix("").as_posix()
        if name in found:
            raise InputError(
                "Expected one picture of a name in a folder. "
                f"Received: {found[name]} and {path}"
            )
        found[name] = path
    return found
