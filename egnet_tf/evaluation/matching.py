"""Finds the images of two folders that belong together: by name, never by order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from egnet_tf.errors import InputError
from egnet_tf.images.find import find_images


class Match(NamedTuple):
    """The files of two folders, by their path in it without the suffix.

    `pairs` maps the name to (restored file, sharp file), in the order of the sharp
    folder; the others have no partner.
    """

    pairs: dict[str, tuple[Path, Path]]
    only_restored: tuple[Path, ...]
    only_sharp: tuple[Path, ...]


def match_folders(
    restored: str | os.PathLike[str], sharp: str | os.PathLike[str]
) -> Match:
    """Matches a method's results with the sharp images, through all levels of both.

    `restored/street/001.png` belongs to `sharp/street/001.jpg`.

    Raises:
        InputError: one is no folder, or no name is in both.
    """
    in_restored, in_sharp = _images(restored), _images(sharp)
    pairs = {
        name: (in_restored[name], file)
        for name, file in in_sharp.items()
        if name in in_restored
    }
    if not pairs:
        examples = [
            str(next(iter(found.values()), f"no images in {folder}"))
            for found, folder in ((in_restored, restored), (in_sharp, sharp))
        ]
        raise InputError(
            "Expected restored and sharp images of the same names (suffixes may "
            f"differ). Received: {examples[0]} and {examples[1]}"
        )
    return Match(
        pairs,
        tuple(file for name, file in in_restored.items() if name not in pairs),
        tuple(file for name, file in in_sharp.items() if name not in pairs),
    )


def _images(folder: str | os.PathLike[str]) -> dict[str, Path]:
    if not Path(folder).is_dir():
        raise InputError(f"Expected a folder of images. Received: {folder}")
    return find_images(Path(folder))
