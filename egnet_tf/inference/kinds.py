"""The kinds of images that a Restorer takes, and gives back: files, Pillow's, lists."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from egnet_tf.errors import InputError

RestoreArray = Callable[[np.ndarray, "np.ndarray | None"], np.ndarray]
"""Restores an array into another (`Restorer.__call__`'s `out`) or a new one."""


def restore_any(restore: RestoreArray, images: Any, out: Any) -> Any:
    """Restores whatever `Restorer.__call__` takes, which says what comes back.

    Raises:
        InputError: another kind, or an `out` that does not go with it; else see
            `Restorer.__call__`.
    """
    if isinstance(images, (list, tuple)):
        _refuse_out(out, "a list")
        for image in images:
            if isinstance(image, (list, tuple)):
                raise InputError("Expected a list of images. Received: a list in it")
        return [restore_any(restore, image, None) for image in images]
    if isinstance(images, (str, os.PathLike)):
        return _restore_file(restore, images, out)
    from PIL.Image import Image

    if isinstance(images, Image):
        _refuse_out(out, "an image of Pillow")
        return _restore_pillow(restore, images)
    array = np.asarray(images)
    if array.dtype.kind not in "biufc":
        raise InputError(
            "Expected an array, an image file's path, an image of Pillow, or a list of "
            f"these. Received: {type(images).__name__}"
        )
    return restore(array, out)


def _refuse_out(out: object, kind: str) -> None:
    if out is not None:
        raise InputError(f"Expected no out for {kind}. Received: {type(out).__name__}")


def _restore_file(restore: RestoreArray, name: str | os.PathLike[str], out: Any) -> Any:
    from egnet_tf.images.read import read_photo
    from egnet_tf.images.write import check_fits, to_pillow, write_photo

    if out is not None and not isinstance(out, (str, os.PathLike)):
        raise InputError(
            f"Expected a path as out for a path. Received: {type(out).__name__}"
        )
    source = Path(os.path.expanduser(name))
    photo = read_photo(source)
    if out is None:
        return to_pillow(replace(photo, pixels=restore(photo.pixels, photo.pixels)))
    target = Path(os.path.expanduser(out))
    check_fits(target, photo)
    if target.exists() and target.samefile(source):
        raise InputError(f"Expected an output other than the input. Received: {target}")
    pixels = restore(photo.pixels, photo.pixels)
    write_photo(target, replace(photo, pixels=pixels))
    return target


def _restore_pillow(restore: RestoreArray, image: Any) -> Any:
    from egnet_tf.images.read import from_pillow
    from egnet_tf.images.write import to_pillow

    photo = from_pillow(image)
    restored = to_pillow(replace(photo, pixels=restore(photo.pixels, photo.pixels)))
    # What is said of numbers that are no longer there: of a palette, of ink.
    gone = {"transparency", *(["icc_profile"] if image.mode == "CMYK" else [])}
    kept = {name: value for name, value in image.info.items() if name not in gone}
    restored.info.update(kept)
    return restored
