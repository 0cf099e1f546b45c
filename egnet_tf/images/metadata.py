"""What an image file says beside its pixels, and which of it a restored one keeps.

Metadata never decides whether pixels are read: whatever is damaged or unknown here is
left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from egnet_tf.images.tags import (
    LONG,
    SHORT,
    Block,
    Tag,
    integers,
    tree_bytes,
)

EXIF_POINTER, GPS_POINTER = 0x8769, 0x8825
_ORIENTATION = 0x0112
_MAKER_NOTE, _WIDTH, _HEIGHT, _INTEROPERABILITY = 0x927C, 0xA002, 0xA003, 0xA005

# Of the first directory: what describes the photo, not the file it was stored in.
_CARRIED = {
    *(0x010E, 0x010F, 0x0110),  # ImageDescription, Make, Model
    *(_ORIENTATION, 0x011A, 0x011B, 0x0128),  # XResolution, YResolution, their unit
    *(0x0131, 0x0132, 0x013B, 0x013C),  # Software, DateTime, Artist, HostComputer
    *(0x4746, 0x4749),  # Rating
    *(0x8298, 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F),  # Copyright, Windows' words
}

# XMP that describes further images or a video in the same file, which are not kept.
_OF_PARTS = (b"photos/1.0/container", b"hdr-gain-map", b"MicroVideo", b"MotionPhoto")


class Exif(NamedTuple):
    """The tags of EXIF that are carried: of the image, the camera and the place."""

    image: Mapping[int, Tag]
    details: Mapping[int, Tag]
    place: Mapping[int, Tag]

    def upright(self, width: int, height: int) -> Exif:
        """The same of an image that is stored as it is shown, of this size."""
        image, details = dict(self.image), dict(self.details)
        if _ORIENTATION in image:
            image[_ORIENTATION] = integers(SHORT, 1)
        if _WIDTH in details or _HEIGHT in details:
            details[_WIDTH] = integers(LONG, width)
            details[_HEIGHT] = integers(LONG, height)
        return Exif(image, details, self.place)

    def without_maker_note(self) -> Exif:
        """The same without the tag that may be as large as a photo."""
        details = {n: tag for n, tag in self.details.items() if n != _MAKER_NOTE}
        return self._replace(details=details)

    @property
    def inner(self) -> list[tuple[int, Mapping[int, Tag]]]:
        """The directories below the first one, by the tag that points to them."""
        return [(EXIF_POINTER, self.details), (GPS_POINTER, self.place)]

    def block(self) -> bytes:
        """An EXIF block, from the byte order on."""
        return b"II*\0\x08\0\0\0" + tree_bytes(self.image, self.inner, 8)


@dataclass(frozen=True)
class Metadata:
    """What is carried from file to file, where the format has a place for it.

    Attributes:
        icc_profile: the profile of the pixels' colours.
        exif: see `Exif`.
        xmp: an XMP packet.
        iptc: the records of IPTC-IIM.
        resolution: horizontal and vertical, in pixels per metre.
        colour: what PNG says about colours, by chunk: gAMA, cHRM, sRGB, cICP, mDCV,
            cLLI.
    """

    icc_profile: bytes | None = None
    exif: Exif | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    resolution: tuple[float, float] | None = None
    colour: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def cicp(self) -> tuple[int, int] | None:
        """The numbers of the colour primaries and the transfer (ITU-T H.273)."""
        content = dict(self.colour).get(b"cICP")
        return (content[0], content[1]) if content else None


NO_METADATA = Metadata()


def read_exif(block: Block | None, start: int | None = None) -> tuple[Exif | None, int]:
    """Reads the tags that are carried from the directory at an offset.

    Args:
        block: an EXIF block or a TIFF file.
        start: of its first directory by default.

    Returns:
        The tags, or None if there are none, and the orientation, 1 to 8.
    """
    if block is None:
        return None, 1
    tags, _ = block.directory(block.first if start is None else start)
    parts = []
    for pointer in (EXIF_POINTER, GPS_POINTER):
        place = tags[pointer].integers() if pointer in tags else ()
        parts.append(block.directory(place[0])[0] if place else {})
    details, gps = parts
    # A pointer to a directory, and one that would point nowhere.
    details.pop(_INTEROPERABILITY, None)
    image = {number: tag for number, tag in tags.items() if number in _CARRIED}
    turned = tags[_ORIENTATION].integers() if _ORIENTATION in tags else ()
    orientation = turned[0] if turned and 1 <= turned[0] <= 8 else 1
    exif = Exif(image, details, gps) if image or details or gps else None
    return exif, orientation


def upright_xmp(xmp: bytes | None) -> bytes | None:
    """The packet with the orientation reset; None if it describes more than a photo."""
    if not xmp or any(word in xmp for word in _OF_PARTS):
        return None
    return re.sub(rb"(tiff:Orientation(?:\s*=\s*[\"']|>)\s*)[2-8]", rb"\g<1>1", xmp)
