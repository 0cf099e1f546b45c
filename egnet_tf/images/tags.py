"""Directories of tags, as TIFF files and EXIF blocks have them.

Values are moved as bytes and only the few that matter are understood, so that a tag of
an unexpected type, count or content never does harm: it is carried, or it is left out.
The format is that of TIFF 6.0, Section 2, and of BigTIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

# The bytes of one number of each type, and of the unit in which bytes are swapped.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_SIZES.update({13: 4, 16: 8, 17: 8, 18: 8})
_UNITS = {**_SIZES, 5: 4, 10: 4}
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 18: "Q"}

_MOST_TAGS = 1024
"""In a directory; cameras write fewer than a hundred."""

_MOST_NUMBERS = 2**22
"""In a tag whose numbers are looked at: the places of four million strips."""

BYTE, SHORT, LONG, RATIONAL, UNDEFINED = 1, 3, 4, 5, 7


class Tag(NamedTuple):
    """A value: its type, how many numbers it has, and its bytes, little-endian."""

    kind: int
    count: int
    content: bytes

    def integers(self) -> tuple[int, ...]:
        """The numbers of an integer type; none of another type."""
        letter = _INTEGERS.get(self.kind)
        if self.count > _MOST_NUMBERS:
            return ()
        return struct.unpack(f"<{self.count}{letter}", self.content) if letter else ()


def integers(kind: int, *values: int) -> Tag:
    """Makes a tag of integers."""
    return Tag(
        kind, len(values), struct.pack(f"<{len(values)}{_INTEGERS[kind]}", *values)
    )


@dataclass(frozen=True)
class Block:
    """A TIFF file or an EXIF block, whose tags are to be read.

    Attributes:
        content: all of it, from the byte order (II or MM) on.
        little: whether it is little-endian.
        big: whether it is BigTIFF.
    """

    content: bytes | bytearray | memoryview
    little: bool
    big: bool

    @classmethod
    def of(cls, content: bytes | bytearray | memoryview) -> Block | None:
        """Looks at the first four bytes; None if they begin no directories."""
        kinds = {
            b"II*\0": (True, False),
            b"MM\0*": (False, False),
            b"II+\0": (True, True),
            b"MM\0+": (False, True),
        }
        found = kinds.get(bytes(content[:4]))
        return None if found is None else cls(content, *found)

    @property
    def first(self) -> int:
        """Where the first directory is, 0 for nowhere."""
        place = 8 if self.big else 4
        return self._number(place, 8 if self.big else 4) or 0

    def directory(
        self, start: int, only: Container[int] | None = None
    ) -> tuple[dict[int, Tag], int]:
        """Reads the directory at an offset, all of it or only some tags.

        Values that overlap are not read beyond the length of the content in all: they
        would fill the memory.

        Returns:
            The tags that lie inside the content, by number, and the offset of the next
            directory (0 for none).
        """
        length, entry = (8, 20) if self.big else (2, 12)
        count = min(self._number(start, length) or 0, _MOST_TAGS)
        tags, left = {}, len(self.content)
        for place in range(start + length, start + length + count * entry, entry):
            number, kind = self._number(place, 2), self._number(place + 2, 2)
            if number is None or (only is not None and number not in only):
                continue
            tag = self._tag(place + 4, kind or 0, left)
            if tag is not None:
                tags[number] = tag
                left -= len(tag.content)
        after = self._number(start + length + count * entry, 8 if self.big else 4)
        return tags, after or 0

    def _tag(self, place: int, kind: int, most: int) -> Tag | None:
        width = 8 if self.big else 4
        count = self._number(place, width)
        if count is None or kind not in _SIZES:
            return None
        size = count * _SIZES[kind]
        start = place + width if size <= width else self._number(place + width, width)
        if start is None or size > most or start + size > len(self.content):
            return None
        content = bytes(self.content[start : start + size])
        return Tag(kind, count, content if self.little else _swapped(content, kind))

    def _number(self, place: int, width: int) -> int | None:
        content = self.content[place : place + width]
        if place < 0 or len(content) < width:
            return None
        return int.from_bytes(content, "little" if self.little else "big")


def _swapped(content: bytes, kind: int) -> bytes:
    """Reverses the bytes of every number."""
    unit = _UNITS[kind]
    if unit == 1:
        return content
    swapped = bytearray(len(content))
    for byte in range(unit):
        swapped[byte::unit] = content[unit - 1 - byte :: unit]
    return bytes(swapped)


def directory_bytes(
    tags: Mapping[int, Tag], start: int, *, little: bool = True, big: bool = False
) -> bytes:
    """Writes a directory, the last of its file, and its values behind it.

    `start` is the offset at which it will stand.
    """
    order = "<" if little else ">"
    width, letter = (8, "Q") if big else (4, "I")
    head = struct.pack(f"{order}{'Q' if big else 'H'}", len(tags))
    end = start + len(head) + len(tags) * (4 + 2 * width) + width
    entries, values = [], bytearray()
    for number, tag in sorted(tags.items()):
        content = tag.content if little else _swapped(tag.content, tag.kind)
        if len(content) > width:
            values += bytes((end + len(values)) % 2)
            place = struct.pack(f"{order}{letter}", end + len(values))
            values += content
        else:
            place = content.ljust(width, b"\0")
        head_of_tag = struct.pack(f"{order}HH{letter}", number, tag.kind, tag.count)
        entries.append(head_of_tag + place)
    return b"".join([head, *entries, bytes(width), values])


def tree_bytes(
    tags: Mapping[int, Tag],
    inner: Iterable[tuple[int, Mapping[int, Tag]]],
    start: int,
    *,
    big: bool = False,
) -> bytes:
    """Writes a directory that points to others, little-endian, such as EXIF's.

    Args:
        tags: of the outer directory, which stands first.
        inner: the number of the tag that points to a directory, and its tags. Those
            without tags are left out.
        start: the offset at which all this will stand, an even number.
        big: whether it is for BigTIFF.
    """
    inner = [(pointer, part) for pointer, part in inner if part]
    places = {pointer: 0 for pointer, _ in inner}
    while True:  # Twice: the first time tells how long the outer directory is.
        pointers = {p: integers(LONG, place) for p, place in places.items()}
        content = directory_bytes({**tags, **pointers}, start, big=big)
        found = {}
        for pointer, part in inner:
            content += bytes(len(content) % 2)
            found[pointer] = start + len(content)
            content += directory_bytes(part, start + len(content), big=big)
        if found == places:
            return content
        places = found
