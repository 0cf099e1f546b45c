"""Scenes for Figures 8 to 14: one image as several methods restore it."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from egnet_tf.errors import InputError
from egnet_tf.images.find import find_images
from egnet_tf.images.read import read_image
from egnet_tf.inference.resolve import resolve
from egnet_tf.metrics.protocols import PROTOCOLS
from egnet_tf.visualization.figures import Panel, Scene
from egnet_tf.visualization.zooms import Zoom, largest_differences

if TYPE_CHECKING:
    from egnet_tf.inference.restorer import Restorer

_MOST_SCENES = 8


class Method(NamedTuple):
    """What is compared.

    Attributes:
        title: stands below its images.
        restore: (name of the scene, blurry image) -> restored image, uint8 (H, W, 3).
    """

    title: str
    restore: Callable[[str, np.ndarray], np.ndarray]


def find_method(text: str, load: Callable[[str], Restorer]) -> Method:
    """Reads "title=path", or a path alone, whose last part is then the title.

    The path is that of a model, which `load` loads for the first scene, of an image, or
    of a folder of results that have the names of the scenes.

    Raises:
        InputError: there is neither a model nor a file of that name.
    """
    title, _, where = text.partition("=")
    if not where or Path(text).exists():
        title, where = "", text
    path = Path(where).expanduser()
    title = title or path.stem
    try:
        resolve(where)
    except InputError:
        if not path.exists() or (path / "weights").is_dir():
            raise
        return Method(title, lambda name, _: _read_named(path, name))
    load = functools.cache(load)
    return Method(title, lambda _, blurry: load(where)(blurry))


def read_scenes(
    source: str | os.PathLike[str],
    methods: Sequence[Method],
    *,
    names: Sequence[str] = (),
    sharp: str | os.PathLike[str] | None = None,
    zooms: Sequence[Zoom] = (),
    count: int = 2,
) -> list[Scene]:
    """Restores one image, or several of a folder, by all methods.

    Args:
        source: the blurry image, or the folder.
        methods: at least one.
        names: of images in the folder, without suffix; all by default.
        sharp: the sharp image, or their folder; PSNR and SSIM (protocol `gopro`) then
            stand below the others.
        zooms: windows to enlarge; by default those where the methods differ most.
        count: number of windows that are chosen.

    Raises:
        InputError: there is no method, an image is missing or of another size, there
            are more than eight scenes, or a window is not inside of an image.
    """
    if not methods:
        raise InputError("Expected --method=title=path. Received: none")
    path = Path(source).expanduser()
    found = find_images(path) if path.is_dir() else {path.stem: path}
    missing = [name for name in names if name not in found]
    if missing or not 1 <= len(names or found) <= _MOST_SCENES:
        raise InputError(
            f"Expected --images to name 1 to {_MOST_SCENES} images in {path}, without "
            f"suffix. Received: {', '.join(missing) or len(names or found)}"
        )
    return [
        _scene(
            name,
            read_image(found[name]),
            methods,
            _read_named(Path(sharp), name) if sharp else None,
            zooms,
            count,
        )
        for name in names or found
    ]


def _scene(
    name: str,
    blurry: np.ndarray,
    methods: Sequence[Method],
    sharp: np.ndarray | None,
    zooms: Sequence[Zoom],
    count: int,
) -> Scene:
    images = {"blurry": blurry}
    images |= {method.title: method.restore(name, blurry) for method in methods}
    # One method is compared with the blurry image, several with each other.
    compared = list(images.values())[min(len(methods) - 1, 1) :]
    if sharp is not None:
        images["sharp"] = sharp
    height, width = blurry.shape[:2]
    for title, image in images.items():
        if image.shape != blurry.shape:
            raise InputError(
                f"Expected images of {name} of one size, {width} x {height}. "
                f"Received: {image.shape[1]} x {image.shape[0]} of {title}"
            )
    for zoom in zooms:
        if zoom.left + zoom.width > width or zoom.top + zoom.height > height:
            raise InputError(
                f"Expected a window inside {width} x {height} pixels. Received: "
                f"x={zoom.left}, y={zoom.top}, {zoom.width} x {zoom.height}"
            )
    size = width // 6, width // 5
    zooms = zooms or largest_differences(compared, size, count, sharp)
    notes = {title: score_note(image, sharp) for title, image in images.items()}
    if sharp is not None:
        notes["sharp"] = "PSNR / SSIM"
    return Scene([Panel(t, image, notes[t]) for t, image in images.items()], zooms)


def parse_zoom(text: str) -> Zoom:
    """Reads "x,y,width,height" in pixels.

    Raises:
        InputError: the text is something else.
    """
    try:
        left, top, width, height = map(int, text.split(","))
    except ValueError:
        left = top = width = height = -1
    if min(left, top, width - 1, height - 1) < 0:
        raise InputError(
            f"Expected --zoom=x,y,width,height in pixels. Received: {text}"
        )
    return Zoom(top, left, height, width)


def _read_named(path: Path, name: str) -> np.ndarray:
    """Reads an image file, or the image of that name in a folder."""
    if not path.is_dir():
        return read_image(path)
    found = find_images(path)
    if name not in found:
        raise InputError(f"Expected an image named {name} in {path}. Received: none")
    return read_image(found[name])


def score_note(image: np.ndarray, sharp: np.ndarray | None) -> str:
    """PSNR and SSIM by the protocol `gopro` in a line, "" without a sharp image."""
    if sharp is None:
        return ""
    score = PROTOCOLS["gopro"].score(image, sharp)
    return f"{score.psnr:.2f} dB / {score.ssim:.3f}"
