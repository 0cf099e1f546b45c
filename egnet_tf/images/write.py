"""Writes image files: plain RGB, or photos in their depth with profile and EXIF."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from egnet_tf.errors import InputError
from egnet_tf.files import replacing
from egnet_tf.images.convert import to_float, to_uint8
from egnet_tf.images.read import Photo

_FORMATS = {"AVIF", "BMP", "JPEG", "PNG", "TIFF", "WEBP"}
_OPAQUE = {"BMP", "JPEG"}


def writable_suffixes() -> list[str]:
    """Returns the suffixes of the formats that keep a photo well."""
    Image.init()
    return [
        suffix
        for suffix, kind in sorted(Image.registered_extensions().items())
        if kind in _FORMATS & Image.SAVE.keys()
    ]


def check_suffix(path: str | os.PathLike[str]) -> None:
    """Checks that images can be written under this name.

    Raises:
        InputError: it cannot.
    """
    if Path(path).suffix.lower() not in writable_suffixes():
        raise InputError(
            f"Expected a name that ends in {', '.join(writable_suffixes())}. "
            f"Received: {path}"
        )


def check_fits(path: str | os.PathLike[str], photo: Photo) -> None:
    """Checks that the format under this name holds what the photo has.

    Raises:
        InputError: the photo is transparent and the format is not.
    """
    check_suffix(path)
    if photo.alpha is not None and _kind(path) in _OPAQUE:
        raise InputError(
            "Expected a format that keeps the photo's transparency (.png, .tif, "
            f".webp). Received: {path}"
        )


def write_image(
    path: str | os.PathLike[str], pixels: np.ndarray, *, quality: int = 95
) -> None:
    """Writes RGB (H, W, 3), uint8 or uint16, alone; otherwise as `write_photo`."""
    write_photo(path, Photo(pixels), quality=quality)


def write_photo(
    path: str | os.PathLike[str], photo: Photo, *, quality: int = 95
) -> None:
    """Writes a photo so that `path` is at every moment absent, old or complete.

    The suffix chooses the format; `quality` is that of JPEG, WebP and AVIF, 1 to 100.
    Grey is written with one channel. 16-bit photos stay 16-bit in PNG and TIFF and are
    rounded to 8 bits elsewhere. 16-bit TIFF takes no EXIF, BMP neither EXIF nor a
    profile. 8-bit TIFF is not compressed: Pillow writes EXIF only so. Missing folders
    are made.

    Raises:
        InputError: the suffix is not one of `writable_suffixes`, or the format cannot
            hold the photo.
        OSError: the file cannot be written.
    """
    check_fits(path, photo)
    kind = _kind(path)
    try:
        content = _encoded(photo, kind, quality)
    except MemoryError:
        raise
    except Exception as error:  # Of three libraries.
        raise InputError(
            f"Expected a photo that {kind} can hold ({error}). Received: {path}"
        ) from error
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)


def _kind(path: str | os.PathLike[str]) -> str:
    return Image.registered_extensions()[Path(path).suffix.lower()]


def _encoded(photo: Photo, kind: str, quality: int) -> bytes | memoryview:
    samples = _samples(photo)
    if samples.dtype == np.uint16:
        if kind == "PNG":
            return _png_16(samples, photo)
        if kind == "TIFF":
            return _tiff_16(samples, photo)
        samples = to_uint8(to_float(samples))
    carried = {"icc_profile": photo.icc_profile, "exif": photo.exif}
    options: dict[str, Any] = {name: value for name, value in carried.items() if value}
    if kind in ("AVIF", "JPEG", "WEBP"):
        options["quality"] = quality
    if kind == "JPEG":  # Colour at full resolution: it was restored for its detail.
        options["subsampling"] = "4:4:4"
    buffer = io.BytesIO()
    image = Image.fromarray(samples.squeeze(2) if samples.shape[2] == 1 else samples)
    image.save(buffer, format=kind, **options)
    return buffer.getbuffer()


def _samples(photo: Photo) -> np.ndarray:
    """Returns grey, grey + alpha, RGB or RGBA: (H, W, 1 to 4)."""
    samples = photo.pixels
    if photo.grey:
        mean = samples.mean(axis=2, keepdims=True)
        samples = np.rint(mean).astype(samples.dtype)
    if photo.alpha is not None:
        samples = np.concatenate([samples, photo.alpha[..., None]], axis=2)
    return samples


def _png_16(samples: np.ndarray, photo: Photo) -> bytes:
    import cv2  # Slow to import, and only for these files.

    if samples.shape[2] == 2:  # OpenCV has no grey + alpha.
        samples = samples[..., [0, 0, 0, 1]]
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[samples.shape[2]]
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(samples[..., order]))
    if not done:
        raise ValueError("OpenCV could not encode it")
    content = encoded.tobytes()
    chunks = b""
    if photo.icc_profile:
        profile = b"ICC profile\0\0" + zlib.compress(photo.icc_profile)
        chunks += _png_chunk(b"iCCP", profile)
    if photo.exif:
        chunks += _png_chunk(b"eXIf", photo.exif.removeprefix(b"Exif\0\0"))
    start = 8 + 25  # The signature and the header: what follows may come next.
    return content[:start] + chunks + content[start:]


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _tiff_16(samples: np.ndarray, photo: Photo) -> bytes:
    import tifffile

    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        samples if samples.shape[2] > 1 else samples.squeeze(2),
        photometric="minisblack" if photo.grey else "rgb",
        extrasamples=["unassalpha"] if photo.alpha is not None else None,
        planarconfig="contig" if samples.shape[2] > 1 else None,
        compression="zlib",
        iccprofile=photo.icc_profile,
        metadata=None,
    )
    return buffer.getvalue()
