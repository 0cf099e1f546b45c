"""Encoded pieces of a restored video, kept in files until they are joined.

A segment is a NumPy archive (.npz): the packets of its frames one after the other, with
their sizes and times. Times are whole numbers in the unit of the encoder, which no
container of FFmpeg keeps for all units; a checksum tells whether the file is whole.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av import Packet
from av.video.stream import VideoStream

from egnet_tf.errors import InputError
from egnet_tf.files import replacing

_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged archive raises."""


def write_segment(
    path: Path, packets: Sequence[Packet[VideoStream]], parameters: bytes
) -> None:
    """Writes the packets of one encoder with its `VideoWriter.parameters`.

    Raises:
        OSError: the file cannot be written.
    """
    base = packets[0].time_base
    arrays = {
        "data": np.frombuffer(b"".join(map(bytes, packets)), np.uint8),
        "sizes": np.array([packet.size for packet in packets], np.int64),
        # Without B-frames, an encoder may leave out the time of decoding.
        "times": np.array(
            [
                (x.pts, x.pts if x.dts is None else x.dts, x.duration, x.is_keyframe)
                for x in packets
            ],
            np.int64,
        ),
        "base": np.array([base.numerator, base.denominator], np.int64),
        "parameters": np.frombuffer(parameters, np.uint8),
    }
    with replacing(path) as unfinished, open(unfinished, "wb") as file:
        np.savez(file, **arrays)


def read_segment(path: Path, parameters: bytes) -> Iterator[Packet[Any]]:
    """Yields the packets of a segment, in the order of decoding.

    Raises:
        InputError: the file is missing or damaged, or an encoder of other `parameters`
            wrote it; it is deleted, so that it is restored again.
    """
    try:
        with (
            open(path, "rb") as file,  # NumPy leaves it open if it is damaged.
            np.load(file, allow_pickle=False) as archive,
        ):
            arrays = {name: archive[name] for name in archive.files}
        if arrays["parameters"].tobytes() != parameters:
            raise ValueError("written by another encoder")
        ends = np.cumsum(arrays["sizes"])
        base = Fraction(*arrays["base"].tolist())
        data, times = arrays["data"].tobytes(), arrays["times"].tolist()
    except _DAMAGE as error:
        path.unlink(missing_ok=True)
        raise InputError(
            f"Expected a whole segment of a video ({error}), "
            f"which --skip_existing restores again. Received: {path}"
        ) from error
    for end, size, (pts, dts, duration, is_key) in zip(
        ends, arrays["sizes"], times, strict=True
    ):
        packet = Packet(data[end - size : end])
        packet.time_base = base
        packet.pts, packet.dts, packet.duration = pts, dts, duration
        packet.is_keyframe = bool(is_key)
        yield packet
