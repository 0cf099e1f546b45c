"""The dataset `folder`: the user's own pairs, matched by name.

Which files are blurry and which are sharp is said by two patterns with one `*`,
which stands for the name and may reach across folders:

    blurry/*  and  sharp/*             two folders; the suffixes may differ
    *_blur.png  and  *_sharp.png       one folder
    /a/input  and  /b/target           two folders anywhere; the same as with /*
"""

from __future__ import annotations

import dataclasses
import logging
import os
from pathlib import Path

from egnet_tf.data.file_pairs import FilePairs, match_names
from egnet_tf.data.registry import Request, dataset
from egnet_tf.errors import InputError
from egnet_tf.images.find import find_images
from egnet_tf.options import option

BLURRY_FOLDERS = ("blurry", "blur", "input")
SHARP_FOLDERS = ("sharp", "target", "gt")


@dataclasses.dataclass(frozen=True)
class FolderOptions:
    """Which files of a folder are blurry and which are sharp."""

    blurry: str = option(
        "",
        "Pattern of the blurry images of --dataset=folder, with one * for the name; "
        "relative to the folder. By default blurry/*, blur/* or input/*.",
    )
    sharp: str = option(
        "",
        "Pattern of the sharp images of --dataset=folder, with one * for the name; "
        "relative to the folder. By default sharp/*, target/* or gt/*.",
    )


@dataset("folder", FolderOptions)
def open_folder(request: Request, options: FolderOptions) -> FilePairs:
    """Opens a folder of pairs.

    A folder with a sub-folder of the split's name is entered there. Without one both
    splits are the whole folder. Two absolute patterns need no folder.

    Raises:
        InputError: no folder, or not every image has a partner of its size.
    """
    blurry, sharp = options.blurry, options.sharp
    if bool(blurry) != bool(sharp):
        raise InputError(
            "Expected --folder_blurry and --folder_sharp together. Received: "
            f"blurry {blurry!r}, sharp {sharp!r}"
        )
    anywhere = os.path.isabs(blurry) and os.path.isabs(sharp)
    root = Path() if anywhere else request.root
    if not anywhere and (root / request.split).is_dir():
        root = root / request.split
    elif request.split == "train":
        logging.getLogger(__name__).warning(
            "The dataset folder has no sub-folder train: both splits are all of its "
            "pairs. %s",
            request.folder or blurry,
        )
    blurry = blurry or _only(root, BLURRY_FOLDERS)
    sharp = sharp or _only(root, SHARP_FOLDERS)
    files = match_names(
        matching(root, blurry),
        matching(root, sharp),
        f"{root / blurry} and {root / sharp}",
    )
    return FilePairs(files, read=request.read)


def _only(root: Path, candidates: tuple[str, ...]) -> str:
    present = [name for name in candidates if (root / name).is_dir()]
    if len(present) != 1:
        raise InputError(
            f"Expected one sub-folder of {', '.join(candidates)} in {root}, or "
            "--folder_blurry and --folder_sharp. "
            f"Received: {', '.join(present) or 'none of them'}"
        )
    return present[0]


def matching(root: Path, pattern: str) -> dict[str, Path]:
    """Finds the images of a pattern.

    Args:
        root: what a relative pattern starts from.
        pattern: a path with one `*`; a path without stands for a folder. A star that
            belongs to the path itself is written `[*]`.

    Returns:
        What the `*` stands for to the file, in natural order. Where the pattern
        ends in `*` the image's suffix is not part of the name.

    Raises:
        InputError: more than one `*`, or no such folder.
    """
    path = Path(os.path.expanduser(pattern)).as_posix().replace("[*]", "\0")
    if "*" not in path:
        path += "/*"
    before, star, after = path.partition("*")
    before, after = (part.replace("\0", "*") for part in (before, after))
    if path.count(star) > 1:
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
