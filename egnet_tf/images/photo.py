"""A photograph as it came out of its file, with all that must go back into one."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from egnet_tf.errors import InputError

DEFAULT_MAX_PIXELS = 89_478_485
"""Pillow's limit against decompression bombs: 1/4 GiB of RGB."""

# What Pillow's decoders raise on damaged files, beside their own exceptions.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)

# Of these, frames after the first are more images. Elsewhere they are previews,
# depth maps (MPO) or layers (PSD), and the first is the photograph.
_SEQUENCES = {"AVIF", "GIF", "PNG", "TIFF", "WEBP"}

_STRIP = 256
"""Rows that are taken over from Pillow at once."""

# EXIF that describes the photograph, not the file it was stored in.
_CARRIED_TAGS = {
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Orientation,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Copyright,
}


@dataclass(frozen=True)
class Photo:
    """A photograph, upright.

    Attributes:
        pixels: RGB (H, W, 3), uint8 or uint16. Grey photographs have three equal
            channels.
        alpha: opacity (H, W), of the pixels' type, or None.
        grey: whether it is stored with one channel.
        icc_profile: of the pixels' colours, or None.
        exif: with the orientation reset, or None.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    icc_profile: bytes | None = None
    exif: bytes | None = None


def read_photo(path: str | os.PathLike, max_pixels: int = DEFAULT_MAX_PIXELS) -> Photo:
    """Reads any image that Pillow opens, in its own depth.

    The EXIF orientation is applied. 16-bit PNG and TIFF stay 16-bit. Palettes become
    RGB; CMYK becomes sRGB, by its colour profile if it has one.

    Args:
        path: the file.
        max_pixels: width x height from which a file is refused before it is unpacked.

    Raises:
        InputError: the file is empty, damaged, no image, too large, a sequence, or
            of floating-point numbers.
        OSError: the file cannot be read.
    """
    content = Path(path).read_bytes()
    if not content:
        raise InputError(f"Expected an image. Received: an empty file, {path}")
    try:
        with _no_pillow_limit(), Image.open(io.BytesIO(content)) as image:
            _check(image, path, max_pixels)
            return _photo(image, content)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(
            f"Expected an image in a format Pillow reads. Received: {path}"
        ) from None
    except _DAMAGED as error:
        raise InputError(
            f"Expected a readable image. Received: {path} ({error})"
        ) from None


@contextlib.contextmanager
def _no_pillow_limit() -> Iterator[None]:
    """Pillow's limit is a global that warns at one size and fails at another."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _check(image: Image.Image, path: str | os.PathLike, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise InputError(
            f"Expected at most {max_pixels} pixels (see max_pixels). Received: "
            f"{image.width} x {image.height}, {path}"
        )
    frames = getattr(image, "n_frames", 1)
    if image.format in _SEQUENCES and frames > 1:
        raise InputError(f"Expected a single image. Received: {frames} in {path}")
    if image.mode == "F":
        raise InputError(
            f"Expected 8 or 16 bits a channel. Received: floating point, {path}"
        )


def _photo(image: Image.Image, content: bytes) -> Photo:
    profile = image.info.get("icc_profile")
    samples = _samples(image, content)
    # Asked after unpacking: where Pillow has turned a TIFF by then, the tag is gone.
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    if image.format == "TIFF" and _has_16_bits(image, content):
        orientation = 1  # OpenCV has turned it.
    samples = _upright(samples, orientation)
    channels = samples.shape[2]
    grey, has_alpha = channels <= 2, channels in (2, 4)
    colours = samples[..., : channels - has_alpha]
    pixels = np.repeat(colours, 3, axis=2) if grey else np.ascontiguousarray(colours)
    if profile and profile[16:20] != (b"GRAY" if grey else b"RGB "):
        profile = None  # Of the CMYK or Lab numbers that were converted.
    return Photo(
        pixels=pixels,
        alpha=samples[..., -1] if has_alpha else None,
        grey=grey,
        icc_profile=profile,
        exif=_carried_exif(image.getexif(), samples.shape[1], samples.shape[0]),
    )


def _samples(image: Image.Image, content: bytes) -> np.ndarray:
    """Returns grey, grey + alpha, RGB or RGBA: (H, W, 1 to 4), uint8 or uint16."""
    if _has_16_bits(image, content):
        return _samples_16(content)
    if image.mode.startswith("I"):
        grey = np.asarray(image)
        if grey.min() < 0 or grey.max() > 65535:
            raise ValueError("more than 16 bits a channel")
        return grey.astype(np.uint16)[..., None]
    if image.mode == "CMYK":
        image = _to_srgb(image)
    has_alpha = image.has_transparency_data
    if image.mode in ("1", "L", "LA", "La"):
        return _unpacked(image, "LA" if has_alpha else "L")
    return _unpacked(image, "RGBA" if has_alpha else "RGB")


def _unpacked(image: Image.Image, mode: str) -> np.ndarray:
    """Converts to the mode and to an array by strips: Pillow copies all it converts."""
    image.load()
    samples = np.empty((image.height, image.width, len(mode)), np.uint8)
    for top in range(0, image.height, _STRIP):
        bottom = min(top + _STRIP, image.height)
        strip = image.crop((0, top, image.width, bottom)).convert(mode)
        samples[top:bottom] = np.asarray(strip).reshape(-1, image.width, len(mode))
    return samples


def _has_16_bits(image: Image.Image, content: bytes) -> bool:
    """Whether Pillow would drop the lower half of 16-bit colour channels."""
    if image.mode.startswith("I"):
        return False  # One channel: Pillow has modes for it.
    if image.format == "PNG":
        return content[24] == 16  # The header's bit depth.
    if image.format == "TIFF":
        return 16 in image.tag_v2.get(ExifTags.Base.BitsPerSample, ())
    return False


def _samples_16(content: bytes) -> np.ndarray:
    samples = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None or samples.dtype != np.uint16:
        raise ValueError("damaged, or a kind of 16-bit file that OpenCV does not read")
    samples = samples.reshape(*samples.shape[:2], -1)
    order = {1: [0], 2: [0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}
    return samples[..., order[samples.shape[2]]]


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile:
        with contextlib.suppress(ImageCms.PyCMSError, OSError):
            return ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
    return image.convert("RGB")


def _upright(samples: np.ndarray, orientation: int) -> np.ndarray:
    """Applies the EXIF orientation: 1 + mirrored, upside down, rows for columns."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return np.ascontiguousarray(samples)


def _carried_exif(exif: Image.Exif, width: int, height: int) -> bytes | None:
    carried = Image.Exif()
    for tag in _CARRIED_TAGS & exif.keys():
        carried[tag] = exif[tag]
    if ExifTags.Base.Orientation in carried:
        carried[ExifTags.Base.Orientation] = 1
    for part in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        # `dict`: the preview that cameras add (a third part) shows the blurry photo.
        if tags := dict(exif.get_ifd(part)):
            carried[part] = tags
    details = carried.get(ExifTags.IFD.Exif, {})
    if ExifTags.Base.ExifImageWidth in details:
        details[ExifTags.Base.ExifImageWidth] = width
        details[ExifTags.Base.ExifImageHeight] = height
    try:
        return carried.tobytes() if len(carried) else None
    except (ValueError, TypeError, struct.error):
        return None  # Numbers that no camera writes; the image matters more.
