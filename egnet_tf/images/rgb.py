"""Image files to uint8 RGB arrays and back; a bad file is one clear line."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from egnet_tf.errors import InputError
from egnet_tf.files import replacing

# What Pillow's decoders raise on damaged files, beside their own exceptions.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


def read_rgb(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads any image that Pillow opens, upright, as 8-bit RGB.

    The EXIF orientation is applied; grey, palette and CMYK images are
    converted; transparency is laid over white; 16-bit grey is divided by 257 and
    floating-point grey, if within [0, 1], multiplied by 255, both rounded. Of
    several frames the first is read. The stored numbers are taken as sRGB: a
    colour profile is not applied.

    Args:
        path: the file.

    Returns:
        uint8 (H, W, 3).

    Raises:
        InputError: the file is missing, empty, damaged, no image, or so large
            that Pillow takes it for a decompression bomb.
    """
    path = Path(path)
    try:
        if path.stat().st_size == 0:
            raise InputError(f"Expected an image. Received: an empty file, {path}")
        with Image.open(path) as image:
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"Expected an image. Received: no such file, {path}") from None
    except UnidentifiedImageError:
        raise InputError(
            f"Expected an image in a format Pillow reads. Received: {path}"
        ) from None
    except Image.DecompressionBombError as error:
        raise InputError(
            f"Expected an image of at most {2 * Image.MAX_IMAGE_PIXELS} pixels. "
            f"Received: {path} ({error})"
        ) from None
    except _DAMAGED as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"Expected a readable image. Received: {path} ({reason})"
        ) from None


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image, dtype=np.float64)
        if image.mode == "F":
            grey = grey * 255 if grey.max() <= 1 else grey
        elif image.mode != "I" or grey.max() > 255:
            # Pillow opens 16-bit files in the modes I;16 and, older ones, I.
            grey = grey / 257
        grey = np.clip(np.rint(np.nan_to_num(grey)), 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


def write_image(
    path: str | os.PathLike[str], pixels: np.ndarray, *, quality: int = 95
) -> None:
    """Writes an image so that `path` is at every moment absent, old or complete.

    Args:
        path: the file; its suffix chooses the format. Missing folders are made.
        pixels: uint8 (H, W, 3) RGB.
        quality: of the lossy formats (JPEG, WebP, AVIF), 1 to 100.

    Raises:
        InputError: Pillow writes no format of that suffix.
        OSError: the file cannot be written.
    """
    path = Path(path)
    Image.init()
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise InputError(
            "Expected the name of an image file to write (.png, .jpg, .webp, .tif, "
            f"...). Received: {path}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as unfinished, open(unfinished, "wb") as file:
        Image.fromarray(pixels).save(file, format=kind, quality=quality)
