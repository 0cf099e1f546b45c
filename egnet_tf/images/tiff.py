"""TIFF: which pages a file has, how its samples are stored, and a way to its pixels.

Decoders read the pixels through a directory written here, which has only the tags that
matter to them and a sane value in each. See TIFF 6.0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from egnet_tf.images.containers import Content, Parts, photoshop_iptc
from egnet_tf.images.metadata import Metadata, read_exif, upright_xmp
from egnet_tf.images.tags import (
    BYTE,
    LONG,
    RATIONAL,
    SHORT,
    UNDEFINED,
    Block,
    Tag,
    directory_bytes,
    integers,
    tree_bytes,
)

_NEW_SUBFILE = 254
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _SAMPLES, _COUNTS, _PLANAR = 273, 277, 279, 284
_X_RESOLUTION, _Y_RESOLUTION, _UNIT = 282, 283, 296
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 322, 323, 324, 325
_EXTRA, _FORMAT, _XMP, _IPTC, _PHOTOSHOP, _PROFILE = 338, 339, 700, 33723, 34377, 34675

# Of pixels: those above, fill order, rows, fax options, predictor, palette, ink set,
# JPEG's tables and YCbCr.
_OF_PIXELS = {
    *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, 266, _OFFSETS, _SAMPLES),
    *(278, _COUNTS, _PLANAR, 292, 293, 317, 320, _TILE_WIDTH, _TILE_HEIGHT),
    *(_TILE_OFFSETS, _TILE_COUNTS, 332, _FORMAT, 347, *range(512, 522)),
    *(529, 530, 531, 532),
}

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
_COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4}
_COLOURS.update({YCBCR: 3, LAB: 3})
_NAMES = {
    **{4: "mask", 9: "ICC Lab", 10: "ITU Lab", 32803: "a camera's raw colours"},
    **{32844: "LogL", 32845: "LogLuv", 34892: "linear raw"},
}
_JPEG_COMPRESSIONS = (6, 7)
_MOST_PAGES = 4096


@dataclass(frozen=True)
class Layout:
    """How the samples of a page are stored.

    Attributes:
        photometric: what the first samples are.
        colours: how many samples of a pixel are colours.
        bits: of each sample, 1 to 16.
        alpha: index of the sample that is opacity, or None.
        associated: whether the colours are multiplied by the opacity.
        decoded: whether the decoder makes RGB of them by itself.
    """

    photometric: int
    colours: int
    bits: int
    alpha: int | None
    associated: bool
    decoded: bool


@dataclass(frozen=True)
class Page:
    """The page of a TIFF file that is the photo.

    Attributes:
        parts: the metadata, and in `pixels` the whole file.
        layout: see `Layout`.
        width: in pixels, as stored.
        height: in pixels, as stored.
    """

    parts: Parts
    layout: Layout
    width: int
    height: int
    _block: Block
    _tags: Mapping[int, Tag]

    @property
    def has_planes(self) -> bool:
        """Whether each sample of a pixel is stored in a plane of its own."""
        return _one(self._tags, _PLANAR, 1) == 2 and _one(self._tags, _SAMPLES, 1) > 1

    def files(self) -> Iterator[bytearray]:
        """Yields TIFF files that together hold the pixels.

        It is one, or one grey file for each sample where they are stored in planes,
        which libvips misreads where they are two and does not read in tiles. They are
        the same bytes, changed in place.
        """
        tags = dict(self._tags)
        layout = self.layout
        extra = _one(self._tags, _SAMPLES, 1) - layout.colours
        if extra > 0:  # Opacity is handled here, not by the decoder.
            tags[_EXTRA] = integers(SHORT, *[0] * extra)
        if layout.photometric == WHITE_IS_ZERO and layout.bits >= 8:
            tags[_PHOTOMETRIC] = integers(SHORT, BLACK_IS_ZERO)
        samples = _one(tags, _SAMPLES, 1)
        if not self.has_planes:
            yield self._file(tags)
            return
        tags.pop(_EXTRA, None)
        tiled = _TILE_OFFSETS in tags
        offsets = _TILE_OFFSETS if tiled else _OFFSETS
        counts = _TILE_COUNTS if tiled else _COUNTS
        lists = {n: tags[n].integers() for n in (offsets, counts) if n in tags}
        if len({len(values) for values in lists.values()}) > 1:
            raise ValueError("fewer lengths than places, or more")
        each = len(lists.get(offsets, ())) // samples
        if not each:
            raise ValueError("fewer planes than samples")
        for number in (_SAMPLES, _PLANAR, _FORMAT):
            tags[number] = integers(SHORT, 1)
        tags[_BITS] = integers(SHORT, layout.bits)
        tags[_PHOTOMETRIC] = integers(SHORT, BLACK_IS_ZERO)
        kind = 16 if self._block.big else LONG
        for first in range(0, samples * each, each):
            for number, values in lists.items():
                tags[number] = integers(kind, *values[first : first + each])
            yield self._file(tags)

    def _file(self, tags: Mapping[int, Tag]) -> bytearray:
        block, content = self._block, self._block.content
        assert isinstance(content, bytearray)
        content += bytes(len(content) % 2)
        start = len(content)
        content += directory_bytes(tags, start, little=block.little, big=block.big)
        order = "little" if block.little else "big"
        where = slice(8, 16) if block.big else slice(4, 8)
        content[where] = start.to_bytes(where.stop - where.start, order)
        return content


def open_page(content: bytearray) -> Page:
    """Finds the photo among the pages of a TIFF file, and how it is stored.

    Thumbnails and masks, as NewSubfileType says, are no pages of their own.

    Raises:
        ValueError: it is damaged, or stored in a way that is not read; says how.
    """
    block = Block.of(content)
    if block is None or (not block.big and len(content) >= 2**32):
        raise ValueError("no TIFF file")
    starts = list(_directories(block))
    if not starts:
        raise ValueError("no directory")
    kinds = {s: block.directory(s, {_NEW_SUBFILE})[0] for s in starts}
    full = [s for s in starts if not _one(kinds[s], _NEW_SUBFILE, 0) & 5]
    start = (full or starts)[0]
    tags, _ = block.directory(start)
    layout = _layout(tags)
    exif, orientation = read_exif(block, start)
    iptc = tags[_IPTC].content if _IPTC in tags else None
    if iptc is None and _PHOTOSHOP in tags:
        iptc = photoshop_iptc(tags[_PHOTOSHOP].content)
    metadata = Metadata(
        icc_profile=tags[_PROFILE].content if _PROFILE in tags else None,
        exif=exif,
        xmp=upright_xmp(tags[_XMP].content) if _XMP in tags else None,
        iptc=iptc,
        resolution=_resolution(tags),
    )
    parts = Parts(content, metadata, orientation, max(len(full), 1))
    pixels = {number: tag for number, tag in tags.items() if number in _OF_PIXELS}
    width, height = _one(tags, _WIDTH, 0), _one(tags, _HEIGHT, 0)
    if not (0 < width < 2**31 and 0 < height < 2**31):
        raise ValueError("no size")
    sides = _one(tags, _TILE_WIDTH, 0), _one(tags, _TILE_HEIGHT, 0)
    if any(sides) and math.prod(sides) > 16 * max(width * height, 2**20):
        raise ValueError("tiles larger than the image")
    return Page(parts, layout, width, height, block, pixels)


def _directories(block: Block) -> Iterator[int]:
    start, seen = block.first, set()
    while start and start not in seen and len(seen) < _MOST_PAGES:
        tags, after = block.directory(start, {_WIDTH})
        if tags:
            yield start
        seen.add(start)
        start = after


def _layout(tags: Mapping[int, Tag]) -> Layout:
    photometric = _one(tags, _PHOTOMETRIC, BLACK_IS_ZERO)
    samples = _one(tags, _SAMPLES, 1)
    bits = tags[_BITS].integers() if _BITS in tags else (1,)
    kinds = tags[_FORMAT].integers() if _FORMAT in tags else (1,)
    compression = _one(tags, _COMPRESSION, 1)
    if photometric not in _COLOURS:
        name = _NAMES.get(photometric, f"photometric interpretation {photometric}")
        raise ValueError(f"{name}, which is not read")
    colours = _COLOURS[photometric]
    if not colours <= samples <= 64:
        raise ValueError(f"{samples} samples a pixel where {colours} are colours")
    if 3 in kinds:
        raise ValueError("floating point, where 8 or 16 bits a channel are read")
    if any(kind not in (1, 4) for kind in kinds):
        raise ValueError("signed or complex numbers, which are not read")
    if len(set(bits)) != 1:
        raise ValueError("channels of unequal depth or none")
    depths = {
        **{WHITE_IS_ZERO: (1, 2, 4, 8, 16), BLACK_IS_ZERO: (1, 2, 4, 8, 16)},
        **{PALETTE: (1, 2, 4, 8), YCBCR: (8,), LAB: (8,)},
    }.get(photometric, (8, 16))
    if samples > 1:
        depths = tuple(depth for depth in depths if depth >= 8)
    if bits[0] not in depths:
        raise ValueError(f"{bits[0]} bits a channel, which are not read")
    if photometric == CMYK and _one(tags, 332, 1) != 1:
        raise ValueError("inks other than CMYK")
    if photometric in (PALETTE, LAB) and samples > colours:
        raise ValueError("opacity beside a palette or Lab, which is not read")
    if photometric == YCBCR and (samples != 3 or compression not in _JPEG_COMPRESSIONS):
        chroma = tags[530].integers() if 530 in tags else (2, 2)
        if samples != 3 or _one(tags, _PLANAR, 1) != 1 or len(chroma) != 2:
            raise ValueError("YCbCr of an arrangement that is not read")
    # Where nothing is said of a single further sample, it is opacity for most readers.
    said = tags[_EXTRA].integers() if _EXTRA in tags else ()
    kinds = said or ((2,) if samples == colours + 1 else ())
    opacity = [i for i, kind in enumerate(kinds[: samples - colours]) if kind in (1, 2)]
    return Layout(
        photometric,
        colours,
        bits[0],
        alpha=colours + opacity[0] if opacity else None,
        associated=bool(opacity) and kinds[opacity[0]] == 1,
        decoded=photometric == PALETTE
        or (photometric == YCBCR and compression in _JPEG_COMPRESSIONS),
    )


def _resolution(tags: Mapping[int, Tag]) -> tuple[float, float] | None:
    metres = {2: 0.0254, 3: 0.01}.get(_one(tags, _UNIT, 2))
    values = []
    for number in (_X_RESOLUTION, _Y_RESOLUTION):
        tag = tags.get(number)
        if tag is None or tag.kind != RATIONAL or tag.count < 1 or metres is None:
            return None
        top = int.from_bytes(tag.content[:4], "little")
        bottom = int.from_bytes(tag.content[4:8], "little")
        if not (top and bottom):
            return None
        values.append(top / bottom / metres)
    return values[0], values[1]


def _one(tags: Mapping[int, Tag], number: int, default: int) -> int:
    values = tags[number].integers() if number in tags else ()
    return values[0] if values else default


def join_tiff(content: bytes, metadata: Metadata) -> list[Content]:
    """Puts metadata into a little-endian TIFF file; returns the pieces."""
    block = Block.of(content)
    assert block is not None and block.little
    tags, _ = block.directory(block.first)
    for number in (_X_RESOLUTION, _Y_RESOLUTION, _UNIT):
        tags.pop(number, None)
    inner = []
    if metadata.exif:
        tags = {**metadata.exif.image, **tags}
        inner = metadata.exif.inner
    if metadata.resolution:
        for number, value in zip(
            (_X_RESOLUTION, _Y_RESOLUTION), metadata.resolution, strict=True
        ):
            top = min(round(value * 254), 2**32 - 1)
            both = integers(LONG, top, 10000).content
            tags[number] = Tag(RATIONAL, 1, both)
        tags[_UNIT] = integers(SHORT, 2)
    for number, kind, value in (
        (_PROFILE, UNDEFINED, metadata.icc_profile),
        (_XMP, BYTE, metadata.xmp),
        (_IPTC, UNDEFINED, metadata.iptc),
    ):
        if value:
            tags[number] = Tag(kind, len(value), value)
    padding = bytes(len(content) % 2)
    start = len(content) + len(padding)
    head = content[:8] + start.to_bytes(8, "little") if block.big else content[:4]
    if not block.big:
        head += start.to_bytes(4, "little")
    directory = tree_bytes(tags, inner, start, big=block.big)
    return [head, memoryview(content)[len(head) :], padding, directory]
