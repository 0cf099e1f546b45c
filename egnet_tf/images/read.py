"""Reads image files: as 8-bit RGB, or as photos with all that goes back into a file.

Pixels come from libvips (JPEG, PNG, TIFF, WebP, GIF, AVIF), from Pillow (the formats
that libvips does not have here) and from libheif (HEIC).
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageCms

# What libvips warns of is in the error, or was no reason not to read the file; read
# when it starts.
os.environ.setdefault("VIPS_WARNING", "1")
import pyvips

from egnet_tf.errors import InputError, missing_extra
from egnet_tf.images import containers, tiff
from egnet_tf.images.containers import Content, Parts
from egnet_tf.images.convert import PEAKS, to_float, to_uint8
from egnet_tf.images.metadata import NO_METADATA, Metadata, read_exif, upright_xmp
from egnet_tf.images.tags import Block

DEFAULT_MAX_PIXELS = 89_478_485
"""A limit against decompression bombs, the one that Pillow has: 1/4 GiB of RGB."""

_MOST_BYTES_PER_PIXEL = 16
_MOST_BYTES_BESIDE = 64 * 2**20
"""A file may have these bytes for each pixel that is allowed, and these beside."""

_STRIP = 2**18
"""Pixels that are converted at once."""

# Operations are not kept, nor files by their name: a file may change.
pyvips.cache_set_max(0)
# Datasets read many images side by side; one decodes no faster by more threads.
pyvips.concurrency_set(1)  # pyright: ignore[reportAttributeAccessIssue]
# pyvips would hand the warnings to `logging`, and fail where they are not UTF-8.
pyvips._remove_log_handler()  # pyright: ignore[reportAttributeAccessIssue]
# What GObject says of numbers out of range would go to the screen otherwise.
pyvips.glib_lib.g_log_set_handler(
    b"GLib-GObject",
    pyvips.GLogLevelFlags.LEVEL_CRITICAL | pyvips.GLogLevelFlags.LEVEL_WARNING,
    pyvips._log_handler_cb,  # pyright: ignore[reportAttributeAccessIssue]
    pyvips.ffi.NULL,
)
logging.getLogger("pyvips").setLevel(logging.CRITICAL + 1)

# Read by Pillow, each known by how it begins. TGA has no such mark.
_PILLOW_FORMATS = (
    *("BMP", "JPEG2000", "DDS", "DIB", "PCX", "PPM", "PSD", "QOI", "SGI", "SUN"),
    "TGA",
)

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}


@dataclass(frozen=True)
class Photo:
    """A photo, upright.

    Attributes:
        pixels: RGB (H, W, 3), uint8 or uint16. A grey photo has three equal channels.
        alpha: opacity (H, W), of the pixels' type, or None.
        grey: whether it is stored with one channel.
        metadata: what is carried into the file that is written.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    metadata: Metadata = NO_METADATA


class _Decoded(NamedTuple):
    """Grey, grey + alpha, RGB or RGBA samples (H, W, 1 to 4), as stored."""

    samples: np.ndarray
    parts: Parts


def read_image(
    path: str | os.PathLike[str], max_pixels: int = DEFAULT_MAX_PIXELS
) -> np.ndarray:
    """Reads the colours of an image: those of `read_photo`, as 8-bit RGB.

    16 bits are rounded to 8 and transparency is laid over white. A colour profile is
    not applied, except that of CMYK. Of several frames the first is read.

    Returns:
        uint8 (H, W, 3).

    Raises:
        InputError: see `read_photo`, except for sequences.
    """
    samples = _upright(*_decode_file(path, max_pixels))
    grey, has_alpha = _arrangement(samples)
    if not grey and not has_alpha and samples.dtype == np.uint8:
        return np.ascontiguousarray(samples)
    image = np.empty((*samples.shape[:2], 3), np.uint8)
    for strip in _strips(samples):
        colours = samples[strip, :, :1] if grey else samples[strip, :, :3]
        if has_alpha:
            opacity = to_float(samples[strip, :, -1:])
            colours = to_uint8(1 - (1 - to_float(colours)) * opacity)
        elif colours.dtype != np.uint8:
            colours = to_uint8(to_float(colours))
        image[strip] = colours
    return image


def read_photo(
    path: str | os.PathLike[str], max_pixels: int = DEFAULT_MAX_PIXELS
) -> Photo:
    """Reads an image as a viewer shows it, in its own depth.

    The orientation is applied. 16 bits stay 16, and 10 and 12 of AVIF and HEIC become
    16. Palettes become RGB; CMYK becomes sRGB, by its colour profile if it has one.
    Further channels that are not said to be opacity are left out, and colours that are
    multiplied by their opacity are divided by it. A file of more than `max_pixels`
    (width x height) is refused before it is decoded.

    Raises:
        InputError: the file is missing, unreadable, empty, damaged, not an image, too
            large, a sequence, or stored in a way that is not read, such as floating
            point.
    """
    decoded = _decode_file(path, max_pixels)
    if decoded.parts.frames > 1:
        raise InputError(
            f"Expected a single image. Received: {decoded.parts.frames} in {path}"
        )
    return _photo(decoded)


def decode_photo(
    content: bytes, name: str, max_pixels: int = DEFAULT_MAX_PIXELS
) -> Photo:
    """Reads the bytes of an image file as `read_photo` does.

    `name` is what a message calls them.

    Raises:
        InputError: see `read_photo`.
    """
    with _one_line(name):
        return _photo(_decode(bytearray(content), name, max_pixels))


def from_pillow(image: Image.Image) -> Photo:
    """Makes a photo, without metadata, of the frame that an image of Pillow shows.

    It is not rotated by its EXIF orientation.

    Args:
        image: of 8 bits in any mode, or of 16 bits of grey. Transparency becomes
            opacity, a palette RGB, and CMYK sRGB, by its profile if it has one.

    Raises:
        InputError: another depth, no pixels, or a file that cannot be decoded.
    """
    if 0 in image.size:
        raise InputError(f"Expected an image with pixels. Received: {image.size}")
    with _one_line(f"a PIL image of mode {image.mode}"):
        return _photo(_Decoded(_pillow_samples(image), Parts(b"")))


def read_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Reads the stored height and width of an image from its header.

    Raises:
        InputError: see `read_photo`; of the pixels nothing is checked.
    """
    with contextlib.suppress(OSError, ValueError, pyvips.Error):
        if Path(path).is_file():
            with open(path, "rb") as file:
                loader = _loader(file.read(64))
                file.seek(0)
                if loader == "tiffload":  # Its first page may be a thumbnail.
                    page = tiff.open_page(_content(path, DEFAULT_MAX_PIXELS))
                    return page.height, page.width
                if loader is not None:
                    source = pyvips.Source.new_from_descriptor(file.fileno())
                    image = _opened(loader, source)
                    return image.height, image.width
    with _one_line(path):
        content = _content(path, DEFAULT_MAX_PIXELS)
        if content[4:8] == b"ftyp":
            width, height = _open_heif(content).size
        else:
            width, height = _opened_by_pillow(content, os.fspath(path)).size
    return height, width


def _photo(decoded: _Decoded) -> Photo:
    samples = _upright(*decoded)
    metadata = decoded.parts.metadata
    grey, has_alpha = _arrangement(samples)
    colours = samples[..., : samples.shape[2] - has_alpha]
    profile = metadata.icc_profile
    if profile and profile[16:20] != (b"GRAY" if grey else b"RGB "):
        profile = None  # It is that of the CMYK or Lab numbers before conversion.
    if not profile and metadata.cicp == (12, 13) and not grey:
        # The primaries of Display P3, for formats without a place for the numbers.
        profile = pyvips.Image.profile_load("p3")
    if metadata.exif:
        exif = metadata.exif.upright(samples.shape[1], samples.shape[0])
        metadata = replace(metadata, exif=exif)
    pixels = np.repeat(colours, 3, axis=2) if grey else np.ascontiguousarray(colours)
    return Photo(
        pixels=pixels if pixels.flags.writeable else pixels.copy(),
        alpha=samples[..., -1] if has_alpha else None,
        grey=grey,
        metadata=replace(metadata, icc_profile=profile),
    )


def _decode_file(path: str | os.PathLike[str], max_pixels: int) -> _Decoded:
    with _one_line(path):
        return _decode(_content(path, max_pixels), os.fspath(path), max_pixels)


@contextlib.contextmanager
def _one_line(path: str | os.PathLike[str]) -> Iterator[None]:
    """Makes an `InputError` of whatever goes wrong inside.

    On damaged files decoders raise nearly every kind of exception.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, UnicodeDecodeError):  # In a message of libvips.
            error = ValueError("damaged")
        pyvips.vips_lib.vips_error_clear()
        reason = getattr(error, "strerror", None) or _last_line(error)
        raise InputError(
            f"Expected a readable image. Received: {path} ({reason})"
        ) from None


def _last_line(error: Exception) -> str:
    """The reason an error gives; libvips hands out a list of them."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _content(path: str | os.PathLike[str], max_pixels: int) -> bytearray:
    """Reads a file that is one: a pipe would be waited for without end."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        about = os.fstat(file.fileno())
        if stat.S_ISDIR(about.st_mode):
            raise InputError(f"Expected an image. Received: {path} (Is a directory)")
        if not stat.S_ISREG(about.st_mode):
            raise InputError(
                f"Expected an image file. Received: {path} (a pipe or a device)"
            )
        check_file_size(about.st_size, path, max_pixels)
        content = bytearray(about.st_size)
        del content[file.readinto(content) :]
    return content


def check_file_size(
    size: int, path: str | os.PathLike[str], max_pixels: int = DEFAULT_MAX_PIXELS
) -> None:
    """Checks the size of an image file in bytes, before it is read.

    Raises:
        InputError: it is empty, or larger than an image of `max_pixels` can be.
    """
    most = _MOST_BYTES_PER_PIXEL * max_pixels + _MOST_BYTES_BESIDE
    if size > most:
        raise InputError(
            f"Expected a file of at most {most} bytes. Received: {size}, {path}"
        )
    if not size:
        raise InputError(f"Expected an image. Received: an empty file, {path}")


def _check_size(width: int, height: int, max_pixels: int, name: str) -> None:
    if width * height > max_pixels:
        raise InputError(
            f"Expected at most {max_pixels} pixels. Received: "
            f"{width} x {height}, {name}"
        )


def _loader(head: Content) -> str | None:
    """The name of libvips' reader of a format, by the bytes that a file begins with."""
    head = bytes(head[:64])
    if head.startswith(b"\xff\xd8\xff"):
        return "jpegload"
    if head.startswith(containers.PNG_START):
        return "pngload"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiffload"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webpload"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gifload"
    if head[4:8] == b"ftyp" and _brands(head) & _AVIF_BRANDS:
        return "heifload"
    return None


def _brands(head: bytes) -> set[bytes]:
    """The brands of an ISO file; the second number is its version."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12], *(head[i : i + 4] for i in range(16, size, 4))}


def _decode(content: bytearray, name: str, max_pixels: int) -> _Decoded:
    loader = _loader(content)
    if loader == "tiffload":
        return _decode_tiff(content, name, max_pixels)
    if loader is None:
        if content[4:8] == b"ftyp" and _brands(bytes(content[:64])) & _HEIF_BRANDS:
            return _decode_heif(content, name, max_pixels)
        return _decode_by_pillow(content, name, max_pixels)
    splits: dict[str, Callable[[Content], Parts]] = {
        "jpegload": containers.split_jpeg,
        "pngload": containers.split_png,
        "webpload": containers.split_webp,
    }
    if loader == "pngload":  # Said before libvips misses what comes after the header.
        width, height = struct.unpack(">II", bytes(content[16:24]).ljust(8, b"\0"))
        _check_size(width, height, max_pixels, name)
    fail_on = "error"
    parts = splits[loader](content) if loader in splits else Parts(content)
    if loader == "jpegload" and b"\xff\xd9" not in parts.pixels:
        # Only the mark of the end may be missing: then nothing is to warn of.
        parts = parts._replace(pixels=b"".join([parts.pixels, b"\xff\xd9"]))
        fail_on = "warning"
    image = _opened(
        loader, pyvips.Source.new_from_memory(parts.pixels), fail_on=fail_on
    )
    _check_size(image.width, image.height, max_pixels, name)
    if loader == "heifload":
        parts = containers.split_isobmff(
            content,
            exif=_field(image, "exif-data"),
            xmp=_field(image, "xmp-data"),
            profile=_field(image, "icc-profile-data"),
        )
        if bytes(content[8:12]) == b"avis":
            place = content.find(b"stsz")
            count = int.from_bytes(content[place + 12 : place + 16], "big")
            parts = parts._replace(frames=max(count, 1) if place > 0 else 1)
    elif loader == "gifload":
        parts = parts._replace(frames=image.get_n_pages())
    samples = _numpy(image)
    if image.interpretation == "cmyk":
        samples = _from_cmyk(samples[..., :4], parts.metadata.icc_profile)
    if loader == "heifload" and samples.dtype == np.uint16:
        depth: Any = image.get("bits-per-sample")
        samples = _stretched(samples, depth)
    return _Decoded(samples, parts._replace(pixels=b""))


def _opened(loader: str, source: Any, **options: Any) -> pyvips.Image:
    """Reads the header. The limits that `unlimited` lifts are checked elsewhere."""
    if loader in ("tiffload", "pngload"):
        options["unlimited"] = True
    read = getattr(pyvips.Image, f"{loader}_source")
    return read(source, access="sequential", **options)


def _field(image: pyvips.Image, name: str) -> bytes:
    value = image.get(name) if image.get_typeof(name) else b""
    return value if isinstance(value, bytes) else b""


def set_blob(image: pyvips.Image, name: str, content: bytes) -> None:
    """Gives an image of libvips metadata."""
    image.set_type(pyvips.GValue.blob_type, name, content)  # pyright: ignore


def _numpy(image: pyvips.Image) -> np.ndarray:
    """Decodes to (H, W, channels), unsigned."""
    samples = image.numpy().reshape(image.height, image.width, image.bands)
    if samples.dtype not in PEAKS:
        raise ValueError(f"numbers of type {samples.dtype}, which are not read")
    return samples


def _stretched(samples: np.ndarray, depth: int) -> np.ndarray:
    """Fills 16 bits with numbers of fewer, which stand in the upper bits."""
    levels = np.arange(2**16) >> (16 - depth)
    table = np.rint(levels * (65535 / (2**depth - 1))).astype(np.uint16)
    return table[samples]


def _arrangement(samples: np.ndarray) -> tuple[bool, bool]:
    """Returns whether the samples are grey, and whether they have opacity."""
    channels = samples.shape[2]
    return channels <= 2, channels in (2, 4)


def _from_cmyk(inks: np.ndarray, profile: bytes | None) -> np.ndarray:
    """Makes sRGB of ink, (H, W, 4), by the profile, or by R = (1 - C)(1 - K)."""
    height, width = inks.shape[:2]
    peak = PEAKS[inks.dtype]
    if profile and _is_usable(profile):
        inks = np.ascontiguousarray(inks)
        form = "uchar" if peak == 255 else "ushort"
        image = pyvips.Image.new_from_memory(inks.data, width, height, 4, form)
        image = image.copy(interpretation="cmyk")
        set_blob(image, "icc-profile-data", profile)
        with contextlib.suppress(pyvips.Error, UnicodeDecodeError):
            return _numpy(
                image.icc_transform(
                    "srgb", embedded=True, intent="perceptual", depth=8 * inks.itemsize
                )
            )
    colours = np.empty((height, width, 3), inks.dtype)
    for strip in _strips(inks):
        light = peak - inks[strip].astype(np.uint64)
        product = light[..., :3] * light[..., 3:]
        colours[strip] = (product + peak // 2) // peak
    return colours


def _strips(samples: np.ndarray) -> Iterator[slice]:
    """Yields the rows of an image, some at a time."""
    step = max(_STRIP // samples.shape[1], 1)
    for top in range(0, len(samples), step):
        yield slice(top, min(top + step, len(samples)))


def _is_usable(profile: bytes) -> bool:
    """Whether a profile of CMYK is sound; libvips would take another one instead."""
    if profile[16:20] != b"CMYK":
        return False
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        ImageCms.buildTransform(given, srgb, "CMYK", "RGB")
    except (ImageCms.PyCMSError, OSError):
        return False
    return True


def _decode_tiff(content: bytearray, name: str, max_pixels: int) -> _Decoded:
    page = tiff.open_page(content)
    _check_size(page.width, page.height, max_pixels, name)
    layout, parts = page.layout, page.parts._replace(pixels=b"")
    if layout.photometric in (tiff.YCBCR, tiff.LAB) and not layout.decoded:
        (whole,) = page.files()
        return _Decoded(_decode_by_pillow(whole, name, max_pixels).samples, parts)
    planes = []
    for file in page.files():
        # A copy only where the bytes will change while libvips may hold them.
        memory = bytes(file) if page.has_planes else file
        source = pyvips.Source.new_from_memory(memory)
        image = _opened("tiffload", source, fail_on="error")
        planes.append(_numpy(image))
    stored = planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)
    if stored.shape[:2] != (page.height, page.width):
        raise ValueError("a size that is not the one it says")
    if layout.decoded:
        return _Decoded(stored[..., :3], parts)
    colours = stored[..., : layout.colours]
    if layout.photometric == tiff.WHITE_IS_ZERO and layout.bits >= 8:
        colours = PEAKS[stored.dtype] - colours
    alpha = None if layout.alpha is None else stored[..., layout.alpha, None]
    if alpha is not None and layout.associated:
        colours = _divided(colours, alpha)
    if layout.photometric == tiff.CMYK:
        colours = _from_cmyk(colours, parts.metadata.icc_profile)
    if alpha is not None:
        if colours.shape[2] + 1 == stored.shape[2] and colours.base is stored:
            return _Decoded(stored, parts)
        colours = np.concatenate([colours, alpha], axis=2)
    return _Decoded(colours, parts)


def _divided(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Undoes the multiplication of colours by opacity."""
    peak = PEAKS[colours.dtype]
    result = np.zeros_like(colours)
    for strip in _strips(colours):
        opacity = alpha[strip].astype(np.float64)
        light = colours[strip] * (peak / np.maximum(opacity, 1)) * (opacity > 0)
        result[strip] = np.rint(np.minimum(light, peak))
    return result


def _open_heif(content: bytearray) -> Any:
    """Opens an image of libheif, not decoded yet."""
    try:
        import pillow_heif
    except ModuleNotFoundError:
        raise missing_extra("heif", "pillow_heif") from None
    file = pillow_heif.open_heif(
        io.BytesIO(content), convert_hdr_to_8bit=False, bgr_mode=False
    )
    return file[file.primary_index]


def _decode_heif(content: bytearray, name: str, max_pixels: int) -> _Decoded:
    image = _open_heif(content)
    width, height = image.size
    _check_size(width, height, max_pixels, name)
    samples = np.asarray(image)
    if samples.ndim == 2:
        samples = samples[..., None]
    depth = int(image.info.get("bit_depth", 8))
    if samples.dtype == np.uint16:
        samples = _stretched(samples, depth)
    parts = containers.split_isobmff(
        content,
        exif=image.info.get("exif") or b"",
        xmp=image.info.get("xmp") or b"",
        profile=image.info.get("icc_profile") or b"",
    )
    return _Decoded(samples, parts._replace(pixels=b""))


def _decode_by_pillow(content: bytearray, name: str, max_pixels: int) -> _Decoded:
    image = _opened_by_pillow(content, name)
    with image:
        _check_size(image.width, image.height, max_pixels, name)
        depth = _jp2_depth(content) if image.format == "JPEG2000" else 8
        samples = _pillow_samples(image)
        if 8 < depth < 16:
            samples = _stretched(samples, depth)
        info = image.info
    dpi = info.get("dpi")
    exif, orientation = read_exif(Block.of(bytes(info.get("exif", b""))[6:]))
    metadata = Metadata(
        icc_profile=info.get("icc_profile") or _jp2_profile(content),
        exif=exif,
        xmp=upright_xmp(info.get("xmp")),
        resolution=(dpi[0] / 0.0254, dpi[1] / 0.0254) if dpi and all(dpi) else None,
    )
    return _Decoded(samples, Parts(b"", metadata, orientation))


def _opened_by_pillow(content: bytearray, name: str) -> Image.Image:
    """Opens an image without `Image.open`, whose limit is a global of the process."""
    Image.init()
    head = bytes(content[:16])
    for kind in (*_PILLOW_FORMATS, "TIFF"):
        factory, accept = Image.OPEN[kind]
        if accept is None and Path(name).suffix.lower() != ".tga":
            continue
        if accept is not None and accept(head) is not True:
            continue
        return factory(io.BytesIO(content), "")  # pyright: ignore[reportReturnType]
    raise InputError(
        f"Expected an image in a format that is read. Received: {name}"
    ) from None


def _pillow_samples(image: Image.Image) -> np.ndarray:
    if image.mode == "F":
        raise ValueError("floating point, where 8 or 16 bits a channel are read")
    if image.mode.startswith("I"):
        grey = np.asarray(image)
        if grey.min() < 0 or grey.max() > 65535:
            raise ValueError("more than 16 bits a channel")
        return grey.astype(np.uint16)[..., None]
    if image.mode == "CMYK":
        return _from_cmyk(np.asarray(image), image.info.get("icc_profile"))
    has_alpha = image.has_transparency_data
    if image.mode in ("1", "L", "LA", "La"):
        return _unpacked(image, "LA" if has_alpha else "L")
    return _unpacked(image, "RGBA" if has_alpha else "RGB")


def _unpacked(image: Image.Image, mode: str) -> np.ndarray:
    """Converts to the mode and to an array by strips: Pillow copies all it converts."""
    image.load()
    samples = np.empty((image.height, image.width, len(mode)), np.uint8)
    for rows in _strips(samples):
        strip = image.crop((0, rows.start, image.width, rows.stop)).convert(mode)
        samples[rows] = np.asarray(strip).reshape(-1, image.width, len(mode))
    return samples


def _jp2_depth(content: bytearray) -> int:
    """The bits a channel of a JPEG 2000 file, from its marker SIZ (T.800 A.5.1).

    Raises:
        ValueError: Pillow would not read them correctly.
    """
    place = content.find(b"\xff\x4f\xff\x51") + 40
    channels = int.from_bytes(content[place : place + 2], "big")
    depths = set(content[place + 2 : place + 2 + 3 * channels : 3])
    depth = 1 + max(depths, default=0)
    wide = channels == 1 and 10 <= depth <= 16
    if place < 40 or len(depths) != 1 or not (depth == 8 or wide):
        raise ValueError(
            "a depth that is not read: 8 bits a channel are, and 10 to 16 of grey"
        )
    return depth


def _jp2_profile(content: bytearray) -> bytes | None:
    """The colour profile of a JPEG 2000 file: a box of method 2."""
    place = content.find(b"colr\x02", 0, 2**20)
    if place < 4:
        return None
    (length,) = struct.unpack(">I", content[place - 4 : place])
    return bytes(content[place + 7 : place - 4 + length]) or None


def _upright(samples: np.ndarray, parts: Parts) -> np.ndarray:
    """Applies the EXIF orientation: 1 + mirrored, upside down, rows for columns."""
    orientation = parts.orientation
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return samples if orientation == 1 else np.ascontiguousarray(samples)
