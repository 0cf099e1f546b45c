"""Splits that their authors did not make: a fixed tenth is held out for testing."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

from egnet_tf.data.real_files import each_once, without
from egnet_tf.data.registry import Request
from egnet_tf.errors import InputError
from egnet_tf.images.find import find_images

_SHARE = 10


def split_images(request: Request) -> tuple[Path, dict[str, Path], bool]:
    """Finds the images of a folder, or those of a split that the user has made.

    A split is the user's own if the folder holds both train/ and test/. No real file
    is found twice, and none in both splits: links to it are left out, and those of the
    test split from the training split, with a warning.

    Returns:
        The folder that was looked in, name to file there, and whether that is the
        split's own folder.

    Raises:
        InputError: no folder.
    """
    root = request.root
    own = (root / "train").is_dir() and (root / "test").is_dir()
    folder = root / request.split if own else root
    found = find_images(folder)
    names = each_once({name: [file] for name, file in found.items()}, folder)
    found = {name: found[name] for name in names}
    if own and request.split == "train":
        found = without(found, find_images(root / "test").values(), "test")
    return folder, found, own


def split_names(names: Sequence[str], split: str, noun: str) -> list[str]:
    """Chooses a split by a checksum of the names, not by their order.

    Args:
        names: all of them: photographs, or sequences of frames.
        split: "test" is a tenth of the names, rounded up, "train" the others.
        noun: what is split, for the message.

    Returns:
        The names of the split, in the order given.

    Raises:
        InputError: the test split of fewer than two.
    """
    if len(names) < 2:
        if split == "test":
            raise InputError(
                f"Expected at least two {noun} to hold one out for testing. "
                f"Received: {len(names)}"
            )
        return list(names)
    ranked = sorted(
        names,
        key=lambda name: (zlib.crc32(name.encode("utf-8", "surrogateescape")), name),
    )
    held_out = set(ranked[: -(-len(names) // _SHARE)])
    return [name for name in names if (name in held_out) == (split == "test")]


def photographs(request: Request) -> dict[str, Path]:
    """The files of one split of a folder of sharp photographs and its sub-folders.

    The folder may hold train/ and test/, otherwise a tenth is held out.

    Returns:
        Name to file.

    Raises:
        InputError: no folder, or no photograph in it.
    """
    root, photos, own = split_images(request)
    if not photos:
        raise InputError(f"Expected sharp photographs in {root}. Received: none")
    names = list(photos)
    if not own:
        names = split_names(names, request.split, "photographs")
    return {name: photos[name] for name in names}
