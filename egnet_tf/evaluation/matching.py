"""Finds the images of two folders that belong together: by name, never by order."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
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


def match_names(
    restored: str | os.PathLike[str], names: Sequence[str]
) -> dict[str, Path]:
    """Finds a method's results for the pairs of a dataset, through all levels.

    The result of the pair `GOPR0384_11_00/000001` may be called so, or with another
    character for the slash, as in `GOPR0384_11_00-000001.png`, or lie in one more
    folder as the blurry images do, as in `scene230/blur/blur_7.png`.

    Returns:
        Name to file, in the order of `names`; names without a result are left out.

    Raises:
        InputError: there is no folder, no result in it, or two for one name.
    """
    found = _images(restored)
    by_key: dict[str, list[Path]] = {}
    for name, file in found.items():
        by_key.setdefault(_key(name), []).append(file)
    matched = {}
    for name in names:
        files = [found[name]] if name in found else by_key.get(_key(name), [])
        if len(files) > 1:
            raise InputError(
                f"Expected one restored image for {name}. "
                f"Received: {', '.join(map(str, files))}"
            )
        if files:
            matched[name] = files[0]
    if not matched:
        example = next(iter(found.values()), f"no images in {restored}")
        raise InputError(
            f"Expected restored images named as the dataset's, such as {names[0]}. "
            f"Received: {example}"
        )
    return matched


def _key(name: str) -> str:
    """What names of one image have in common, however its parts are joined."""
    *folders, file = name.split("/")
    kept = [part for part in folders if part not in ("blur", "blur_gamma", "input")]
    return re.sub(r"[/_-]+", "-", "/".join([*kept, file]))


def _images(folder: str | os.PathLike[str]) -> dict[str, Path]:
    if not Path(folder).is_dir():
        raise InputError(f"Expected a folder of images. Received: {folder}")
    return find_images(Path(folder))
