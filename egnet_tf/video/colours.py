"""Between the frames of a video and RGB, with nothing lost of what their tags say.

A frame is Y'CbCr by a matrix and a range; its primaries and transfer say which light
the numbers are. Matrix and range are undone here and done again on the way back. The
primaries and the transfer are those of the source: networks are trained on pixels as
they are encoded, not on light.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc

from egnet_tf.errors import InputError
from egnet_tf.video.tone_mapping import HLG, PQ, to_standard_range

# Of ITU-T H.273, as in the tags of every container: matrix coefficients.
_RGB, _BT709, _UNSPECIFIED, _FCC, _BT470BG, _BT601, _SMPTE240M, _BT2020 = (
    *(0, 1, 2, 4, 5, 6, 7, 9),
)
_RESERVED = (0, 3)
_MATRICES = (_BT709, _FCC, _BT470BG, _BT601, _SMPTE240M, _BT2020)

HDR = {PQ: "PQ", HLG: "HLG"}
"""Transfers of high dynamic range, which is mapped to standard range."""

_DOLBY = ("DOVI_METADATA", "DOVI_RPU_BUFFER")

_EXACT = 4 | 1 << 13 | 1 << 14 | 1 << 18
"""SWS_BICUBIC, SWS_FULL_CHR_H_INT, _H_INP and SWS_ACCURATE_RND (not all of them have
names in PyAV 17): swscale's way that is within a level of the equations. The default is
within three."""


class Colours(NamedTuple):
    """How frames are encoded, in the numbers of ITU-T H.273.

    High dynamic range is mapped on the way to RGB, so RGB and what is made of it are
    BT.709 then (`written`).

    Attributes:
        matrix: between RGB and Y'CbCr; never unspecified.
        range: `av.video.reformatter.ColorRange`, MPEG (16 to 235) or JPEG (0 to 255).
        primaries: as the source says, 2 if it does not.
        transfer: as the source says, 2 if it does not.
    """

    matrix: int
    range: int
    primaries: int
    transfer: int

    @property
    def written(self) -> Colours:
        """How restored frames are encoded: the same, but for high dynamic range."""
        if self.transfer not in HDR:
            return self
        return Colours(_BT709, int(ColorRange.MPEG), _BT709, _BT709)


class Rotation(NamedTuple):
    """How frames are shown: x' = a x + c y and y' = b x + d y, y downwards."""

    a: int
    b: int
    c: int
    d: int

    @property
    def on_its_side(self) -> bool:
        """Whether width and height change places."""
        return abs(self.b) > abs(self.a)


def colours_of(frame: VideoFrame) -> Colours:
    """Returns how a frame is encoded, and how its restored one is to be.

    Without a tag the matrix is that of players: BT.709 above 1279 x 576 pixels, else
    BT.601. RGB is written by the same rule.

    Raises:
        InputError: the matrix is not linear.
    """
    primaries, transfer = frame.color_primaries, frame.color_trc
    rgb = frame.format.is_rgb
    matrix = frame.colorspace
    if rgb or matrix in (_RGB, _UNSPECIFIED, *_RESERVED):
        large = frame.width > 1279 or frame.height > 576
        matrix = _BT709 if large else _BT601
        if transfer in HDR:
            matrix = _BT2020
    elif matrix not in _MATRICES:
        raise InputError(
            f"Expected a linear colour matrix such as BT.709. Received: {matrix} "
            "(of ITU-T H.273)"
        )
    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    return Colours(
        matrix,
        int(ColorRange.JPEG if full and not rgb else ColorRange.MPEG),
        int(ColorPrimaries.UNSPECIFIED if primaries in _RESERVED else primaries),
        int(ColorTrc.UNSPECIFIED if transfer in _RESERVED else transfer),
    )


def to_rgb(frame: VideoFrame, colours: Colours, rotation: Rotation) -> np.ndarray:
    """Returns a frame upright, as RGB (H, W, 3) uint8."""
    rgb = frame.format.is_rgb
    if not rgb:
        frame.colorspace = colours.matrix  # PyAV 17 passes on no name for BT.2020.
    mapped = colours.transfer in HDR
    converted = frame.reformat(
        format="rgb48le" if mapped else "rgb24",
        src_color_range=ColorRange.JPEG if rgb else colours.range,
        dst_color_range=ColorRange.JPEG,
        interpolation=_EXACT,
    )
    image = converted.to_ndarray()
    if mapped:
        image = to_standard_range(image, colours.transfer)
    return np.ascontiguousarray(_upright(image, rotation))


def from_rgb(
    image: np.ndarray,
    source: VideoFrame,
    colours: Colours,
    size: tuple[int, int],
    pixel_format: str,
) -> VideoFrame:
    """Returns RGB (H, W, 3) uint8 as a frame of (width, height), scaled if need be.

    It has the time of `source`, and its closed captions, which lie in the frames of a
    broadcast and which PyAV lets nobody put there: so its pixels are replaced.
    """
    height, width = image.shape[:2]
    frame = source.reformat(width, height, "rgb24")
    frame.make_writable()
    lines = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(height, -1)
    lines[:, : 3 * width] = image.reshape(height, -1)
    frame.colorspace = colours.matrix  # Meant for the frame that is made of it.
    frame.pict_type = 0  # None: the encoder chooses key frames itself.
    return frame.reformat(
        *size,
        format=pixel_format,
        src_color_range=ColorRange.JPEG,
        dst_color_range=colours.range,
        interpolation=_EXACT,
    )


def rotation_of(first: VideoFrame) -> Rotation:
    """Returns how the frames of a video are shown, by its first.

    Only the first frame is to be asked: a frame whose side data were looked at is freed
    late, because the two refer to each other.

    Raises:
        InputError: frames are shown at an angle other than a quarter turn, or are Dolby
            Vision without a base that says what it is.
    """
    data = first.side_data
    if first.color_trc == ColorTrc.UNSPECIFIED and any(map(data.get, _DOLBY)):
        raise InputError(
            "Expected Dolby Vision with a base of standard range, PQ or HLG. "
            "Received: a profile without one"
        )
    matrix = data.get("DISPLAYMATRIX")
    if matrix is None:
        return Rotation(1, 0, 0, 1)
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix)[:36])
    if a == b == c == d == 0:  # Of a broken file.
        return Rotation(1, 0, 0, 1)
    straight, across = max(abs(a), abs(d)), max(abs(b), abs(c))
    if 50 * min(straight, across) > max(straight, across):  # Over about a degree.
        raise InputError(
            "Expected a video that is shown in quarter turns. "
            f"Received: the matrix {a}, {b}; {c}, {d}"
        )
    return Rotation(a, b, c, d)


def _upright(image: np.ndarray, rotation: Rotation) -> np.ndarray:
    a, b, c, d = rotation
    if rotation.on_its_side:
        image, a, d = image.transpose(1, 0, 2), c, b
    return image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
