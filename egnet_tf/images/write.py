"""Writes image files: plain RGB, or photos in their depth with their metadata."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from PIL import Image

from egnet_tf.errors import InputError
from egnet_tf.files import replacing
from egnet_tf.images import containers, tiff
from egnet_tf.images.containers import Content
from egnet_tf.images.convert import to_float, to_uint8
from egnet_tf.images.metadata import Metadata
from egnet_tf.images.read import Photo, set_blob

_SUFFIXES = {
    **dict.fromkeys((".jfif", ".jpe", ".jpeg", ".jpg"), "JPEG"),
    **dict.fromkeys((".apng", ".png"), "PNG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **{".avif": "AVIF", ".bmp": "BMP", ".webp": "WEBP"},
}
_OPAQUE = {"BMP", "JPEG"}
_DEEP = {"PNG", "TIFF"}
"""Formats that 16-bit photos are written to as they are."""

_LONGEST_SIDE = {"JPEG": 65500, "WEBP": 16383, "AVIF": 16384}
_LARGE_TIFF = 2**31
"""Bytes of pixels from which on a TIFF file is a BigTIFF file."""

_WIDE_TRANSFERS = {8, 16, 18}
"""Linear light, PQ and HLG (ITU-T H.273): shown as sRGB they look wrong."""


def writable_suffixes() -> list[str]:
    """Returns the suffixes of the formats that keep a photo well."""
    return sorted(_SUFFIXES)


def check_suffix(path: str | os.PathLike[str]) -> None:
    """Checks that images can be written under this name.

    Raises:
        InputError: it cannot.
    """
    if Path(path).suffix.lower() not in _SUFFIXES:
        raise InputError(
            f"Expected a name that ends in {', '.join(writable_suffixes())}. "
            f"Received: {path}"
        )


def check_fits(path: str | os.PathLike[str], photo: Photo) -> None:
    """Checks that the format under this name holds what the photo has.

    Raises:
        InputError: the photo is larger than the format allows, is transparent or has
            colours of high dynamic range, and the format has not.
    """
    check_suffix(path)
    kind = _kind(path)
    height, width = photo.pixels.shape[:2]
    longest = _LONGEST_SIDE.get(kind, max(height, width))
    if max(height, width) > longest:
        raise InputError(
            f"Expected at most {longest} pixels a side, as {kind} can hold (.png and "
            f".tif hold more). Received: {width} x {height}, {path}"
        )
    if photo.alpha is not None and kind in _OPAQUE:
        raise InputError(
            "Expected a format that keeps the photo's transparency (.png, .tif, "
            f".webp). Received: {path}"
        )
    cicp = photo.metadata.cicp
    if kind != "PNG" and cicp and (cicp[1] in _WIDE_TRANSFERS or cicp[0] == 9):
        raise InputError(
            "Expected a format that keeps the photo's colours of high dynamic range "
            f"(.png). Received: {path}"
        )


def write_image(
    path: str | os.PathLike[str], pixels: np.ndarray, *, quality: int = 95
) -> None:
    """Writes RGB (H, W, 3), uint8 or uint16, alone; otherwise as `write_photo`."""
    write_photo(path, Photo(pixels), quality=quality)


def write_photo(
    path: str | os.PathLike[str],
    photo: Photo,
    *,
    quality: int = 95,
    overwrite: bool = True,
) -> None:
    """Writes a photo so that `path` is at every moment absent, old or complete.

    The suffix chooses the format; `quality` is that of JPEG, WebP and AVIF, 1 to 100.
    Grey is written with one channel. 16-bit photos stay 16-bit in PNG and TIFF and are
    rounded to 8 bits elsewhere. Metadata is carried as far as the format has a place
    for it: BMP has one for the resolution alone, WebP none for it. Missing folders are
    made. `overwrite` is whether a file that is there may be replaced.

    Raises:
        InputError: the suffix is not one of `writable_suffixes`, or the format cannot
            hold the photo.
        OSError: the file cannot be written, or it is there and may not be replaced.
    """
    check_fits(path, photo)
    kind = _kind(path)
    try:
        pieces = _encoded(photo, kind, quality)
    except MemoryError:
        raise
    except Exception as error:
        raise InputError(
            f"Expected a photo that {kind} can hold ({_last_line(error)}). "
            f"Received: {path}"
        ) from error
    with replacing(path, overwrite=overwrite) as unfinished, unfinished.open("wb") as f:
        f.writelines(pieces)


def encode_photo(photo: Photo, suffix: str, *, quality: int = 95) -> bytes:
    """The bytes of the file that `write_photo` writes under a name of this suffix."""
    check_fits(suffix, photo)
    return b"".join(_encoded(photo, _kind(suffix), quality))


def to_pillow(photo: Photo) -> Image.Image:
    """Makes an image of mode L, LA, RGB, RGBA or I;16.

    Pillow has no 16 bits of colours or with opacity: they are rounded to 8. Profile,
    EXIF, XMP and resolution are in `info`, from where `Image.save` can be given them.
    """
    samples, metadata = _samples(photo), photo.metadata
    if samples.dtype == np.uint16 and samples.shape[2] > 1:
        samples = to_uint8(to_float(samples))
    image = _pillow(samples)
    info = {"icc_profile": metadata.icc_profile, "xmp": metadata.xmp}
    if metadata.exif:
        info["exif"] = b"Exif\0\0" + metadata.exif.block()
    image.info.update({name: value for name, value in info.items() if value})
    if metadata.resolution:
        image.info["dpi"] = _dots_per_inch(metadata.resolution)
    return image


def _kind(path: str | os.PathLike[str]) -> str:
    name = os.fspath(path)
    return _SUFFIXES[f".{name.rpartition('.')[2].lower()}"]


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _encoded(photo: Photo, kind: str, quality: int) -> list[Content]:
    samples, metadata = _samples(photo), photo.metadata
    if samples.dtype == np.uint16 and kind not in _DEEP:
        samples = to_uint8(to_float(samples))
    if kind == "BMP":
        return [_bmp(samples, metadata)]
    image = _vips(samples)
    if kind == "AVIF":
        return _avif(image, metadata, quality)
    options: dict[str, Any] = {"keep": "none"}
    if kind == "TIFF":
        # Level 6 takes three times as long for a file that is 4% smaller.
        options |= {"compression": "deflate", "predictor": "horizontal", "level": 3}
        options["bigtiff"] = samples.nbytes >= _LARGE_TIFF
    elif kind == "PNG":
        options |= {"compression": 6, "filter": "all"}
    elif kind == "JPEG":  # Colour at full resolution: it was restored for its detail.
        options |= {"Q": quality, "subsample_mode": "off"}
    else:
        options["Q"] = quality
    save = getattr(image, f"{kind.lower()}save_buffer")
    joins: dict[str, Callable[[bytes, Metadata], list[Content]]] = {
        "JPEG": containers.join_jpeg,
        "PNG": containers.join_png,
        "TIFF": tiff.join_tiff,
        "WEBP": containers.join_webp,
    }
    return joins[kind](save(**options), metadata)


def _vips(samples: np.ndarray) -> pyvips.Image:
    samples = np.ascontiguousarray(samples)
    height, width, bands = samples.shape
    deep = samples.dtype == np.uint16
    image = pyvips.Image.new_from_memory(
        samples.data, width, height, bands, "ushort" if deep else "uchar"
    )
    if bands <= 2:
        return image.copy(interpretation="grey16" if deep else "b-w")
    return image.copy(interpretation="rgb16" if deep else "srgb")


def _samples(photo: Photo) -> np.ndarray:
    """Returns grey, grey + alpha, RGB or RGBA: (H, W, 1 to 4)."""
    samples = photo.pixels
    if photo.grey:
        mean = samples.mean(axis=2, keepdims=True)
        samples = np.rint(mean).astype(samples.dtype)
    if photo.alpha is not None:
        samples = np.concatenate([samples, photo.alpha[..., None]], axis=2)
    return samples


def _bmp(samples: np.ndarray, metadata: Metadata) -> memoryview:
    """Written by Pillow: libvips has no BMP."""
    options: dict[str, Any] = {}
    if metadata.resolution:
        options["dpi"] = _dots_per_inch(metadata.resolution)
    buffer = io.BytesIO()
    _pillow(samples).save(buffer, format="BMP", **options)
    return buffer.getbuffer()


def _pillow(samples: np.ndarray) -> Image.Image:
    return Image.fromarray(samples.squeeze(2) if samples.shape[2] == 1 else samples)


def _dots_per_inch(resolution: tuple[float, float]) -> tuple[float, float]:
    """Pixels per inch, as Pillow has them, of pixels per metre."""
    return resolution[0] * 0.0254, resolution[1] * 0.0254


_PLACEHOLDER = b"Here stands EXIF."


def _avif(image: pyvips.Image, metadata: Metadata, quality: int) -> list[Content]:
    """Written with all its items by libvips, which would change EXIF.

    So it is given a placeholder of that length at least, which is written over.
    """
    image = image.copy()
    if metadata.icc_profile:
        set_blob(image, "icc-profile-data", metadata.icc_profile)
    if metadata.xmp:
        set_blob(image, "xmp-data", metadata.xmp)
    exif = metadata.exif
    if exif:
        note = _PLACEHOLDER * (len(exif.block()) // len(_PLACEHOLDER) + 2)
        set_blob(image, "exif-data", containers.placeholder_exif(note))
    options: dict[str, Any] = {"compression": "av1", "Q": quality, "keep": "all"}
    # By default it takes ten times as long for a file that is no smaller.
    content = image.heifsave_buffer(subsample_mode="off", effort=2, **options)
    if not exif:
        return [content]
    return containers.with_exif_in_place(content, _PLACEHOLDER, exif)
