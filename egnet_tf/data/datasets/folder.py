"""The dataset `folder`: the user's own pairs, matched by name.

Which files are blurry and which are sharp is said by two patterns with one `*`,
which stands for the name and may reach across folders:

    blurry/*  and  sharp/*             two folders; the suffixes may differ
    *_blur.png  and  *_sharp.png       one folder
    /a/input  and  /b/target           two folders anywhere; the same as with /*
"""

from __future__ import annotations

import os
from pathlib import Path

from absl import logging

from egnet_tf.data.file_pairs import FilePairs, match_names
from egnet_tf.errors import InputError
from egnet_tf.images.cache import DEFAULT_LIMIT
from egnet_tf.images.find import existing_folder, find_images

BLURRY_FOLDERS = ("blurry", "blur", "input")
SHARP_FOLDERS = ("sharp", "target", "gt")


def open_folder(
    data_dir: str | None,
    split: str,
    *,
    blurry: str = "",
    sharp: str = "",
    cache_bytes: int = DEFAULT_LIMIT,
) -> FilePairs:
    """Opens a folder of pairs.

    Args:
        data_dir: the folder; one with a sub-folder of the split's name is entered
            there. Without such a sub-folder both splits are the whole folder.
        split: "train" or "test".
        blurry: pattern of the blurry images below the folder, or anywhere if it
            is an absolute path; by default `blurry/*`, `blur/*` or `input/*`.
        sharp: likewise of the sharp ones; by default `sharp/*`, `target/*`, `gt/*`.
        cache_bytes: see `FilePairs`.

    Raises:
        InputError: no folder, or not every image has a partner of its size.
    """
    if bool(blurry) != bool(sharp):
        raise InputError(
            "Expected a pattern for both the blurry and the sharp images. Received: "
            f"blurry {blurry!r}, sharp {sharp!r}"
        )
    anywhere = os.path.isabs(blurry) and os.path.isabs(sharp)
    root = Path() if anywhere else existing_folder(data_dir, "folder")
    if not anywhere and (root / split).is_dir():
        root = root / split
    elif split == "train":
        logging.warning(
            "The dataset folder has no sub-folder train: both splits are all of its "
            "pairs. %s",
            data_dir or blurry,
        )
    blurry = blurry or _only(root, BLURRY_FOLDERS)
    sharp = sharp or _only(root, SHARP_FOLDERS)
    files = match_names(
        matching(root, blurry),
        matching(root, sharp),
        f"{root / blurry} and {root / sharp}",
    )
    return FilePairs(files, cache_bytes=cache_bytes)


def _only(root: Path, candidates: tuple[str, ...]) -> str:
    present = [name for name in candidates if (root / name).is_dir()]
    if len(present) != 1:
        raise InputError(
            f"Expected one sub-folder of {', '.join(candidates)} in {root}, or "
            f"--blurry and --sharp. Received: {', '.join(present) or 'none of them'}"
        )
    return present[0]


def matching(root: Path, pattern: str) -> dict[str, Path]:
    """Finds the images of a pattern.

    Args:
        root: what a relative pattern starts from.
        pattern: a path with one `*`; a path without stands for a folder.

    Returns:
        What the `*` stands for to the file, in natural order. Where the pattern
        ends in `*` the image's suffix is not part of the name.

    Raises:
        InputError: more than one `*`, or no such folder.
    """
    path = Path(pattern).expanduser().as_posix()
    if "*" not in path:
        path += "/*"
    before, _, after = path.partition("*")
    if "*" in after:
        raise InputError(f"Expected a pattern with one *. Received: {pattern}")
    folder, _, start = before.rpartition("/")
    if before.startswith("/") and not folder:
        folder = "/"
    folder = root / folder
    if not folder.is_dir():
        raise InputError(f"Expected a folder of images. Received: {folder}")
    names = {}
    for name, file in find_images(folder).items():
        whole = name if not after else file.relative_to(folder).as_posix()
        if whole.startswith(start) and whole.endswith(after):
            names[whole[len(start) : len(whole) - len(after)]] = file
    return names
