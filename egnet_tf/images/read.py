"""Reads image files: as 8-bit RGB, or as photos with all that goes back into a file."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from egnet_tf.errors import InputError
from egnet_tf.images.convert import to_float, to_uint8

DEFAULT_MAX_PIXELS = 89_478_485
"""Pillow's limit against decompression bombs: 1/4 GiB of RGB."""

# Of these, frames after the first are more images. Elsewhere they are previews,
# depth maps (MPO) or layers (PSD), and the first is the photo.
_SEQUENCES = {"AVIF", "GIF", "PNG", "TIFF", "WEBP"}

_STRIP = 256
"""Rows that are taken over from Pillow at once."""

# EXIF that describes the photo, not the file it was stored in.
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

_OPENING = threading.Lock()


@dataclass(frozen=True)
class Photo:
    """A photo, upright.

    Attributes:
        pixels: RGB (H, W, 3), uint8 or uint16. A grey photo has three equal channels.
        alpha: opacity (H, W), of the pixels' type, or None.
        grey: whether it is stored with one channel.
        icc_profile: the profile of the pixels' colours, or None.
        exif: the EXIF block with the orientation reset, or None.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    icc_profile: bytes | None = None
    exif: bytes | None = None


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads the colours of an image: those of `read_photo`, as 8-bit RGB.

    16 bits are rounded to 8 and transparency is laid over white. A colour profile is
    not applied, except that of CMYK. Of several frames the first is read.

    Returns:
        uint8 (H, W, 3).

    Raises:
        InputError: see `read_photo`, except for sequences.
    """
    with _opened(path, DEFAULT_MAX_PIXELS) as (image, content):
        samples = _samples(image, content)
    grey, has_alpha = _arrangement(samples)
    colours = samples[..., :1] if grey else samples[..., :3]
    if has_alpha:
        opacity = to_float(samples[..., -1:])
        colours = to_uint8(1 - (1 - to_float(colours)) * opacity)
    elif colours.dtype != np.uint8:
        colours = to_uint8(to_float(colours))
    return np.repeat(colours, 3, axis=2) if grey else np.ascontiguousarray(colours)


def read_photo(
    path: str | os.PathLike[str], max_pixels: int = DEFAULT_MAX_PIXELS
) -> Photo:
    """Reads any image that Pillow opens, in its own depth.

    The EXIF orientation is applied. 16-bit PNG and TIFF stay 16-bit. Palettes become
    RGB; CMYK becomes sRGB, by its colour profile if it has one. A file of more than
    `max_pixels` (width x height) is refused before it is decoded.

    Raises:
        InputError: the file is missing, unreadable, empty, damaged, not an image, too
            large, a sequence, or of floating-point numbers.
    """
    with _opened(path, max_pixels) as (image, content):
        frames = getattr(image, "n_frames", 1)
        if image.format in _SEQUENCES and frames > 1:
            raise InputError(f"Expected a single image. Received: {frames} in {path}")
        samples = _samples(image, content)
        exif = _carried_exif(image.getexif(), samples.shape[1], samples.shape[0])
        profile = image.info.get("icc_profile")
    grey, has_alpha = _arrangement(samples)
    colours = samples[..., : samples.shape[2] - has_alpha]
    if profile and profile[16:20] != (b"GRAY" if grey else b"RGB "):
        profile = None  # It is that of the CMYK or Lab numbers before conversion.
    return Photo(
        pixels=np.repeat(colours, 3, axis=2) if grey else np.ascontiguousarray(colours),
        alpha=samples[..., -1] if has_alpha else None,
        grey=grey,
        icc_profile=profile,
        exif=exif,
    )


@contextlib.contextmanager
def _opened(
    path: str | os.PathLike[str], max_pixels: int
) -> Iterator[tuple[Image.Image, bytes]]:
    """Yields the image, not decoded yet, and its file's bytes.

    Whatever goes wrong inside becomes an `InputError`: on damaged files the decoders
    of Pillow raise nearly every kind of exception.
    """
    try:
        content = Path(path).read_bytes()
        if not content:
            raise InputError(f"Expected an image. Received: an empty file, {path}")
        with _open_without_limit(content) as image:
            if image.width * image.height > max_pixels:
                raise InputError(
                    f"Expected at most {max_pixels} pixels. Received: "
                    f"{image.width} x {image.height}, {path}"
                )
            if image.mode == "F":
                raise InputError(
                    f"Expected 8 or 16 bits a channel. Received: floating point, {path}"
                )
            yield image, content
    except (InputError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise InputError(
            f"Expected an image in a format Pillow reads. Received: {path}"
        ) from None
    except Exception as error:
        reason = getattr(error, "strerror", None) or error or type(error).__name__
        raise InputError(
            f"Expected a readable image. Received: {path} ({reason})"
        ) from None


def _open_without_limit(content: bytes) -> Image.Image:
    # Pillow's limit is a global that warns at one size and fails at another. The lock
    # keeps a thread from taking another's None for what is to be put back.
    with _OPENING:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(content))
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _samples(image: Image.Image, content: bytes) -> np.ndarray:
    """Decodes to grey, grey + alpha, RGB or RGBA, upright: (H, W, 1 to 4)."""
    samples = _stored_samples(image, content)
    # Asked after decoding: where Pillow has rotated a TIFF by then, the tag is gone.
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    if isinstance(image, TiffImageFile) and _has_16_bits(image, content):
        orientation = 1  # OpenCV has rotated it.
    return _upright(samples, orientation)


def _arrangement(samples: np.ndarray) -> tuple[bool, bool]:
    """Returns whether the samples are grey, and whether they have opacity."""
    channels = samples.shape[2]
    return channels <= 2, channels in (2, 4)


def _stored_samples(image: Image.Image, content: bytes) -> np.ndarray:
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
    if isinstance(image, TiffImageFile):
        return 16 in image.tag_v2.get(ExifTags.Base.BitsPerSample, ())
    return False


def _samples_16(content: bytes) -> np.ndarray:
    import cv2  # Slow to import, and only for these files.

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
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
            if converted is not None:
                return converted
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
    # Damaged EXIF raises anything. It is dropped: the image matters more.
    with contextlib.suppress(Exception):
        for tag in _CARRIED_TAGS & exif.keys():
            carried[tag] = exif[tag]
        if ExifTags.Base.Orientation in carried:
            carried[ExifTags.Base.Orientation] = 1
        for part in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            # Not the third part, the preview: it shows the blurry photo.
            if tags := dict(exif.get_ifd(part)):
                carried[part] = tags
        details = carried.get(ExifTags.IFD.Exif, {})
        if ExifTags.Base.ExifImageWidth in details:
            details[ExifTags.Base.ExifImageWidth] = width
            details[ExifTags.Base.ExifImageHeight] = height
        if len(carried):
            return carried.tobytes()
    return None
