"""Takes the metadata out of image files, and puts it into new ones, byte by byte.

What is left of a file is what its pixels need, so that no decoder meets metadata. Sizes
and lengths in a file are never believed beyond its end.

    JPEG   ITU-T T.81 Annex B, JFIF, EXIF 3.0, ICC.1 Annex B.4, XMP part 3
    PNG    the third edition, chunks
    WebP   RFC 9649
    TIFF   see `egnet_tf.images.tags` and `egnet_tf.images.tiff`
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from egnet_tf.images.metadata import NO_METADATA, Exif, Metadata, read_exif, upright_xmp
from egnet_tf.images.tags import UNDEFINED, Block, Tag

Content = bytes | bytearray | memoryview

PNG_START = b"\x89PNG\r\n\x1a\n"
_MOST_METADATA = 16 * 2**20
"""Bytes that a compressed profile or text may have."""

_MOST_PIECES = 2**18
"""Segments or chunks of a file that are looked at."""

_INCH = 0.0254  # metres

_JPEG_EXIF = b"Exif\0\0"
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_JPEG_ICC = b"ICC_PROFILE\0"
_JPEG_PHOTOSHOP = b"Photoshop 3.0\0"
_JPEG_MOST = 65533
"""Bytes in a segment of JPEG."""

_PNG_COLOUR = {
    b"cICP": 4,
    b"sRGB": 1,
    b"gAMA": 4,
    b"cHRM": 32,
    b"mDCV": 24,
    b"cLLI": 8,
}
"""Chunks and their lengths, in the order in which they are written."""


class Parts(NamedTuple):
    """A file taken apart.

    Attributes:
        pixels: a file of the same format without the metadata.
        metadata: what is carried.
        orientation: how to turn the pixels, 1 to 8 as in EXIF.
        frames: how many images there are.
    """

    pixels: Content
    metadata: Metadata = NO_METADATA
    orientation: int = 1
    frames: int = 1


def split_jpeg(content: Content) -> Parts:
    """Takes a JPEG file apart; of several images (MPO) only the first is looked at."""
    view = memoryview(content)
    kept, place = [view[:2]], 2
    exif, orientation, xmp, iptc, resolution = None, 1, None, None, None
    profile: dict[int, bytes] = {}
    for _ in range(_MOST_PIECES):
        if place + 4 > len(view):
            break
        if view[place] != 0xFF or view[place + 1] == 0xFF:  # Junk, or a fill byte.
            place += 1
            continue
        marker = view[place + 1]
        if marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD7:
            place += 2
            continue
        length = 2 + int.from_bytes(view[place + 2 : place + 4], "big")
        if marker in (0xD9, 0xDA) or place + length > len(view):
            break
        segment = view[place : place + length]
        place += length
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept.append(segment)
            continue
        text = bytes(segment[4:])
        if marker in (0xE0, 0xEE):  # They say how the colours are stored.
            kept.append(segment)
        if marker == 0xE0 and text.startswith(b"JFIF\0") and len(text) >= 12:
            unit, x, y = struct.unpack(">BHH", text[7:12])
            metres = {1: _INCH, 2: 0.01}.get(unit)
            resolution = (x / metres, y / metres) if metres and x and y else None
        elif marker == 0xE1 and text.startswith(_JPEG_EXIF) and exif is None:
            exif, orientation = read_exif(Block.of(text[len(_JPEG_EXIF) :]))
        elif marker == 0xE1 and text.startswith(_JPEG_XMP):
            xmp = text[len(_JPEG_XMP) :]
        elif marker == 0xE2 and text.startswith(_JPEG_ICC) and len(text) > 14:
            profile[text[12]] = text[14:]
        elif marker == 0xED and text.startswith(_JPEG_PHOTOSHOP):
            iptc = photoshop_iptc(text[len(_JPEG_PHOTOSHOP) :]) or iptc
    else:
        raise ValueError(f"more than {_MOST_PIECES} segments")
    kept.append(view[place:])
    icc_profile = b"".join(profile[i] for i in sorted(profile)) or None
    metadata = Metadata(icc_profile, exif, upright_xmp(xmp), iptc, resolution)
    return Parts(b"".join(kept), metadata, orientation)


def join_jpeg(content: bytes, metadata: Metadata) -> list[Content]:
    """Puts metadata into a JPEG file that has none; returns the pieces."""
    segments = [_jpeg_segment(0xE0, _jfif(metadata.resolution))]
    exif = metadata.exif
    for smaller in (exif, exif and exif.without_maker_note()):
        block = _JPEG_EXIF + smaller.block() if smaller else b""
        if smaller and len(block) <= _JPEG_MOST:
            segments.append(_jpeg_segment(0xE1, block))
            break
    if metadata.xmp and len(metadata.xmp) + len(_JPEG_XMP) <= _JPEG_MOST:
        segments.append(_jpeg_segment(0xE1, _JPEG_XMP + metadata.xmp))
    step = _JPEG_MOST - len(_JPEG_ICC) - 2
    profile = metadata.icc_profile or b""
    pieces = [profile[i : i + step] for i in range(0, len(profile), step)]
    if len(pieces) < 256:
        for number, piece in enumerate(pieces, 1):
            head = _JPEG_ICC + bytes([number, len(pieces)])
            segments.append(_jpeg_segment(0xE2, head + piece))
    if metadata.iptc:
        resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(metadata.iptc))
        resource += metadata.iptc + bytes(len(metadata.iptc) % 2)
        if len(_JPEG_PHOTOSHOP) + len(resource) <= _JPEG_MOST:
            segments.append(_jpeg_segment(0xED, _JPEG_PHOTOSHOP + resource))
    return [content[:2], *segments, memoryview(content)[2:]]


def _jpeg_segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


def _jfif(resolution: tuple[float, float] | None) -> bytes:
    unit, density = 0, (1, 1)
    if resolution:
        candidates = []
        for unit, metres in ((1, _INCH), (2, 0.01)):
            density = tuple(round(value * metres) for value in resolution)
            error = abs(density[0] / metres - resolution[0]) / resolution[0]
            candidates.append((error, unit, density))
        _, unit, density = min(candidates)
        if not all(1 <= value <= 0xFFFF for value in density):
            unit, density = 0, (1, 1)
    return b"JFIF\0" + struct.pack(">HBHHBB", 0x0102, unit, *density, 0, 0)


def photoshop_iptc(content: bytes) -> bytes | None:
    """Finds the IPTC records among Photoshop's image resources."""
    place = 0
    for _ in range(_MOST_PIECES):
        if content[place : place + 4] != b"8BIM" or place + 12 > len(content):
            break
        kind, name = struct.unpack(">HB", content[place + 4 : place + 7])
        start = place + 6 + name + 1 + (name + 1) % 2 + 4
        length = int.from_bytes(content[start - 4 : start], "big")
        if start + length > len(content):
            return None
        if kind == 0x0404:
            return content[start : start + length] or None
        place = start + length + length % 2
    return None


def split_png(content: Content) -> Parts:
    """Takes a PNG file apart; an animation keeps its default image."""
    view = memoryview(content)
    kept: list[Content] = [view[:8]]
    found: dict[bytes, bytes] = {}
    exif, orientation, xmp, iptc, frames = None, 1, None, None, 1
    for kind, chunk in _png_chunks(view):
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b""):
            kept.append(chunk)
            continue
        data = bytes(chunk[8:-4])
        if kind == b"acTL" and len(data) == 8:
            frames = int.from_bytes(data[:4], "big")
        elif kind == b"eXIf":
            exif, orientation = read_exif(Block.of(data.removeprefix(_JPEG_EXIF)))
        elif kind in (b"iTXt", b"tEXt", b"zTXt"):
            name, text = _png_text(kind, data)
            if name == b"XML:com.adobe.xmp":
                xmp = text
            elif name == b"Raw profile type iptc":
                raw = _raw_profile(text)
                iptc = photoshop_iptc(raw) or raw or None
            elif name in (b"Raw profile type exif", b"Raw profile type APP1"):
                raw = _raw_profile(text).removeprefix(_JPEG_EXIF)
                if exif is None:
                    exif, orientation = read_exif(Block.of(raw))
        elif kind in (b"iCCP", b"pHYs") or _PNG_COLOUR.get(kind) == len(data):
            found.setdefault(kind, data)
    resolution = None
    if len(found.get(b"pHYs", b"")) == 9:
        x, y, unit = struct.unpack(">IIB", found[b"pHYs"])
        resolution = (float(x), float(y)) if unit == 1 and x and y else None
    profile = found.get(b"iCCP", b"").partition(b"\0")[2]
    metadata = Metadata(
        icc_profile=_inflated(profile[1:]) or None,
        exif=exif,
        xmp=upright_xmp(xmp),
        iptc=iptc,
        resolution=resolution,
        colour=tuple((k, found[k]) for k in _PNG_COLOUR if k in found),
    )
    return Parts(b"".join(kept), metadata, orientation, frames)


def _png_chunks(view: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yields the kind of each chunk and all of it; what is cut off has kind b""."""
    place = 8
    for _ in range(_MOST_PIECES):
        if place >= len(view):
            return
        length = int.from_bytes(view[place : place + 4], "big")
        kind = bytes(view[place + 4 : place + 8])
        end = place + 12 + length
        if end > len(view) or len(kind) < 4:
            yield b"", view[place:]
            return
        yield kind, view[place:end]
        if kind == b"IEND":
            return
        place = end
    raise ValueError(f"more than {_MOST_PIECES} chunks")


def _png_text(kind: bytes, data: bytes) -> tuple[bytes, bytes]:
    name, _, text = data.partition(b"\0")
    if kind == b"zTXt":
        text = _inflated(text[1:])
    elif kind == b"iTXt":
        packed, text = text[:1] == b"\x01", text[2:]
        text = text.partition(b"\0")[2].partition(b"\0")[2]
        if packed:
            text = _inflated(text)
    return name, text


def _raw_profile(text: bytes) -> bytes:
    """Reads the form in which ImageMagick stores a profile: a name, a length, hex."""
    match = re.match(rb"\s*\w+\s+\d+\s+([0-9a-fA-F\s]*)", text)
    digits = re.sub(rb"\s", b"", match[1]) if match else b""
    return bytes.fromhex(digits[: len(digits) // 2 * 2].decode())


def _inflated(packed: bytes) -> bytes:
    """Decompresses; nothing if it is damaged or larger than is sensible."""
    try:
        engine = zlib.decompressobj()
        text = engine.decompress(packed, _MOST_METADATA)
    except zlib.error:
        return b""
    return text if engine.eof else b""


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def join_png(content: bytes, metadata: Metadata) -> list[Content]:
    """Puts metadata into a PNG file in the place of its own; returns the pieces."""
    chunks = []
    for kind, data in metadata.colour:
        if not (kind == b"sRGB" and metadata.icc_profile):  # Only one of the two.
            chunks.append(png_chunk(kind, data))
    if metadata.icc_profile:
        packed = b"ICC profile\0\0" + zlib.compress(metadata.icc_profile)
        chunks.append(png_chunk(b"iCCP", packed))
    if metadata.resolution:
        x, y = (min(round(value), 2**31 - 1) for value in metadata.resolution)
        chunks.append(png_chunk(b"pHYs", struct.pack(">IIB", x, y, 1)))
    if metadata.exif:
        chunks.append(png_chunk(b"eXIf", metadata.exif.block()))
    if metadata.xmp:
        head = b"XML:com.adobe.xmp\0\0\0\0\0"
        chunks.append(png_chunk(b"iTXt", head + metadata.xmp))
    if metadata.iptc:
        digits = metadata.iptc.hex()
        lines = "\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
        text = f"\niptc\n{len(metadata.iptc):8}\n{lines}\n".encode()
        head = b"Raw profile type iptc\0\0"
        chunks.append(png_chunk(b"zTXt", head + zlib.compress(text)))
    pixels: list[Content] = [
        chunk
        for kind, chunk in _png_chunks(memoryview(content))
        if kind in (b"PLTE", b"tRNS", b"IDAT", b"IEND")
    ]
    return [content[:33], *chunks, *pixels]


def split_webp(content: Content) -> Parts:
    """Takes a WebP file apart."""
    view = memoryview(content)
    kept: list[Content] = []
    found: dict[bytes, bytes] = {}
    frames = 0
    for kind, chunk in _riff_chunks(view):
        if kind in (b"ICCP", b"EXIF", b"XMP "):
            found.setdefault(kind, bytes(chunk[8:]))
        elif kind == b"VP8X":
            head = bytearray(chunk)
            head[8] &= 0b00010010  # Only alpha and animation stay.
            kept.append(head)
        elif kind in (b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b""):
            frames += kind == b"ANMF"
            kept.append(chunk)
    exif, orientation = None, 1
    if b"EXIF" in found:
        exif, orientation = read_exif(Block.of(found[b"EXIF"].removeprefix(_JPEG_EXIF)))
    metadata = Metadata(
        found.get(b"ICCP"), exif, upright_xmp(found.get(b"XMP ", b"").rstrip(b"\0"))
    )
    return Parts(_riff(kept), metadata, orientation, max(frames, 1))


def join_webp(content: bytes, metadata: Metadata) -> list[Content]:
    """Puts metadata into a WebP file in the place of its own; returns the pieces."""
    width, height, alpha = 0, 0, False
    pixels: list[Content] = []
    for kind, chunk in _riff_chunks(memoryview(content)):
        if kind == b"VP8L":
            (bits,) = struct.unpack("<I", chunk[9:13])
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
            alpha = alpha or bool(bits >> 28 & 1)
        elif kind == b"VP8 ":
            width, height = (x & 0x3FFF for x in struct.unpack("<HH", chunk[14:18]))
        alpha = alpha or kind == b"ALPH"
        if kind in (b"VP8L", b"VP8 ", b"ALPH"):
            pixels.append(chunk)
    exif = metadata.exif.block() if metadata.exif else None
    if not (metadata.icc_profile or exif or metadata.xmp):
        return [content]
    flags = 0x20 * bool(metadata.icc_profile) + 0x10 * alpha
    flags += 0x08 * bool(exif) + 0x04 * bool(metadata.xmp)
    sides = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    head = _riff_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sides)
    after = [(b"EXIF", exif), (b"XMP ", metadata.xmp)]
    chunks = [
        head,
        *([_riff_chunk(b"ICCP", metadata.icc_profile)] if metadata.icc_profile else []),
        *pixels,
        *(_riff_chunk(kind, data) for kind, data in after if data),
    ]
    return [_riff(chunks)]


def _riff_chunks(view: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yields the kind of each chunk and all of it; what is cut off has kind b""."""
    place = 12
    for _ in range(_MOST_PIECES):
        if place + 8 > len(view):
            return
        kind = bytes(view[place : place + 4])
        end = place + 8 + int.from_bytes(view[place + 4 : place + 8], "little")
        if end > len(view):
            yield b"", view[place:]
            return
        yield kind, view[place:end]
        place = end + end % 2
    raise ValueError(f"more than {_MOST_PIECES} chunks")


def _riff_chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data


def _riff(chunks: list[Content]) -> bytes:
    padded = [piece for chunk in chunks for piece in (chunk, bytes(len(chunk) % 2))]
    size = 4 + sum(map(len, padded))
    return b"".join([b"RIFF", struct.pack("<I", size), b"WEBP", *padded])


def split_isobmff(content: Content, exif: bytes, xmp: bytes, profile: bytes) -> Parts:
    """Says what an AVIF or HEIC file holds, whose items a library has taken out.

    Such files are turned by their own boxes; the orientation of EXIF does not count.
    """
    data = bytes(exif)
    start = data.find(_JPEG_EXIF)
    tags, _ = read_exif(Block.of(data[start + 6 :] if start >= 0 else data[4:]))
    if tags is None:
        tags, _ = read_exif(Block.of(data))
    colour: tuple[tuple[bytes, bytes], ...] = ()
    place = bytes(content[: 2**20]).find(b"colrnclx")
    if place >= 0 and not profile:
        primaries, transfer = struct.unpack(
            ">HH", bytes(content[place + 8 : place + 12]).ljust(4, b"\0")
        )
        # Of sRGB and of what is not said nothing need be kept.
        if (primaries, transfer) not in _COMMON and max(primaries, transfer) < 256:
            colour = ((b"cICP", bytes([primaries, transfer, 0, 1])),)
    metadata = Metadata(
        bytes(profile) or None, tags, upright_xmp(bytes(xmp)), colour=colour
    )
    return Parts(content, metadata)


_COMMON = {(p, t) for p in (1, 2) for t in (1, 2, 6, 13)}
"""Primaries and transfers that a viewer shows as sRGB."""


def placeholder_exif(note: bytes) -> bytes:
    """EXIF with a maker's note alone, to be written over."""
    details = {0x927C: Tag(UNDEFINED, len(note), note)}
    return _JPEG_EXIF + Exif({}, details, {}).block()


def with_exif_in_place(content: bytes, note: bytes, exif: Exif) -> list[Content]:
    """Writes EXIF over the longer item of an AVIF file, whose note begins so."""
    block = exif.block()
    start = content.rfind(_JPEG_EXIF, 0, content.find(note)) + len(_JPEG_EXIF)
    return [content[:start], block, memoryview(content)[start + len(block) :]]
