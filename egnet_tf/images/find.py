"""Finds image files in folders and names them."""

from __future__ import annotations

import collections
import os
import re
from pathlib import Path

from egnet_tf.errors import InputError

IMAGE_SUFFIXES = frozenset(
    "avif bmp gif jfif jp2 jpeg jpg pgm png ppm tif tiff webp".split()  # noqa: SIM905
)


def existing_folder(folder: str | os.PathLike[str] | None, dataset: str) -> Path:
    """Checks the folder the user gave.

    Args:
        folder: what `--data_dir`, or the part behind `name:`, said.
        dataset: the dataset it is for.

    Raises:
        InputError: it is not given, or is no folder.
    """
    if not folder:
        raise InputError(
            f"Expected a folder for the dataset {dataset}: --data_dir=FOLDER or "
            f"--dataset={dataset}:FOLDER. Received: none"
        )
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise InputError(
            f"Expected the folder of the dataset {dataset}. Received: {folder}"
        )
    return path


def find_images(root: Path) -> dict[str, Path]:
    """Finds every image below a folder, links followed, hidden files left out.

    Args:
        root: where to look.

    Returns:
        Name to file, in natural order (2 before 10). The name is the path below
        `root` with forward slashes and without the suffix, which stays only where
        two files differ in nothing else.
    """
    found = []
    for folder, folders, files in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(folder, file)
            for file in files
            # Also leaves out the "._name.png" that macOS puts beside "name.png".
            if not file.startswith(".")
            and file.rpartition(".")[2].lower() in IMAGE_SUFFIXES
        ]
    full = {path.relative_to(root).as_posix(): path for path in found}
    short = {name: name.rpartition(".")[0] for name in full}
    times = collections.Counter(short.values())
    return {
        short[name] if times[short[name]] == 1 else name: full[name]
        for name in sorted(full, key=natural_order)
    }


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """A sorting key under which frame_2 comes before frame_10."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]
