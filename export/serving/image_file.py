"""A photo as an image file that a server reads correctly."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import ExifTags, Image

from egnet_tf.images.read import read_image


def image_file(path: Path) -> bytes:
    """Returns the photo's own bytes if a server reads them correctly, else a PNG file.

    Args:
        path: any image that `read_image` reads.

    Raises:
        InputError: it is no image, or a damaged one.
    """
    pixels = read_image(path)
    with Image.open(path) as image:
        # TensorFlow's decoder ignores the orientation.
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if image.format in ("JPEG", "PNG") and (image.mode, orientation) == ("RGB", 1):
            return path.read_bytes()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()
