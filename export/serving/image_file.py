"""A photo as a server reads it."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from egnet_tf.images.read import read_image

_ORIENTATION = 0x0112  # EXIF's tag. TensorFlow decodes without it.
_UPRIGHT = 1


def image_file(path: Path) -> bytes:
    """The photo's own bytes if a server reads them right, else those of a PNG of it.

    Args:
        path: any image that Pillow opens.

    Raises:
        InputError: no image, or a damaged one.
    """
    pixels = read_image(path)
    with Image.open(path) as image:
        upright = image.getexif().get(_ORIENTATION, _UPRIGHT) == _UPRIGHT
        if image.format in ("JPEG", "PNG") and image.mode == "RGB" and upright:
            return path.read_bytes()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()
