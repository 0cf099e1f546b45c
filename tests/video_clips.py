"""Clips for tests of videos, made with PyAV, and what is in them, read with it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import av
import numpy as np
from av.codec.context import Flags

LOSSLESS = {"crf": "0", "bf": "0", "preset": "ultrafast"}


class Sound(NamedTuple):
    """A sound track of noise: codec, language, and seconds at which it starts."""

    codec: str = "aac"
    language: str = "und"
    start: Fraction = Fraction(0)


def write_clip(
    path,
    times,
    *,
    base=Fraction(1, 90000),
    rate=Fraction(25),
    images=None,
    size=(48, 32),
    tags=(2, 1, 2, 2),
    aspect=None,
    rotation=None,
    codec="libx264",
    options=None,
    pixel_format="yuv420p",
    sounds=(),
    text=None,
    attachment=None,
    cover=None,
    chapters=(),
    metadata=None,
    container=None,
    encoding="utf-8",
    interlaced=False,
):
    """Writes frames shown at `times`, whose last entry is the end of the last frame.

    Args:
        path: the file.
        times: seconds, fractions.
        base: the unit of time.
        rate: frames a second that the file claims on average.
        images: RGB arrays or `av.VideoFrame`s; by default grey_level(k) everywhere.
        size: width and height, where there are no images.
        tags: matrix, range, primaries, transfer in the numbers of ITU-T H.273.
        aspect: of a pixel.
        rotation: arguments of `VideoStream.set_display_rotation`.
        codec: of the frames.
        options: of that codec.
        pixel_format: of the frames.
        sounds: `Sound`s.
        text: (codec, bytes of one subtitle).
        attachment: bytes of a file in the container.
        cover: bytes of a PNG image.
        chapters: as of `set_chapters`.
        metadata: of the container.
        container: FFmpeg's name of the format, by default that of the suffix.
        encoding: of the metadata.
        interlaced: whether the frames are woven of half frames.
    """
    images = images or [
        np.full((size[1], size[0], 3), grey_level(k), np.uint8)
        for k in range(len(times) - 1)
    ]
    with av.open(
        f"file:{path}", "w", format=container, metadata_encoding=encoding
    ) as out:
        out.metadata.update(metadata or {})
        out.set_chapters(list(chapters))
        first = _frame(images[0], pixel_format, tags) if images else None
        video = None
        if first:
            video = out.add_stream(
                codec,
                rate=rate,
                options=LOSSLESS if options is None else options,
                width=first.width,
                height=first.height,
                time_base=base,
            )
            context = video.codec_context
            context.pix_fmt = pixel_format
            context.flags |= Flags.frame_duration
            if interlaced:
                context.flags |= Flags.interlaced_dct | Flags.interlaced_me
            context.colorspace, context.color_range = tags[:2]
            context.color_primaries, context.color_trc = tags[2:]
            if aspect:
                context.sample_aspect_ratio = aspect
            if rotation:
                video.set_display_rotation(*rotation)
        tracks = [_add_sound(out, sound) for sound in sounds]
        subtitle = text and out.add_mux_stream(text[0], time_base=Fraction(1, 1000))
        if attachment:
            out.add_attachment("font.ttf", "application/x-truetype-font", attachment)
        image = cover and out.add_mux_stream("png", width=16, height=16)
        if cover:
            image.disposition = av.stream.Disposition.attached_pic
            _mux(out, image, cover, 0, 0)
        if subtitle:
            _mux(out, subtitle, text[1], 100, 200)
        end = float(times[-1]) if times else 1.0
        for track, sound in zip(tracks, sounds, strict=True):
            _write_sound(out, track, sound, end)
        for k, image in enumerate(images or []):
            frame = _frame(image, pixel_format, tags)
            frame.time_base = base
            frame.pts = round(times[k] / base)
            frame.duration = round(times[k + 1] / base) - frame.pts
            out.mux(video.encode(frame))
        if video:
            out.mux(video.encode(None))


def grey_level(k: int) -> int:
    """The level of frame k: neighbours differ much, and it is told from 8 others."""
    return 30 + 25 * (k * 3 % 8)


def frames_of(path) -> list[av.VideoFrame]:
    """All frames of the first video stream that is no cover image."""
    with av.open(f"file:{path}") as container:
        stream = _moving(container)
        return list(container.decode(stream))


def times_of(path) -> list[Fraction]:
    """When the frames are shown, in seconds."""
    return [frame.pts * frame.time_base for frame in frames_of(path)]


def pixels_of(path) -> np.ndarray:
    """Luma and chroma of a 4:2:0 or 4:4:4 clip's planes' means: (frames, 3)."""
    return np.array([plane_means(frame) for frame in frames_of(path)])


def plane_means(frame: av.VideoFrame) -> list[float]:
    """The mean of each plane as it is stored."""
    return [float(plane_of(frame, k).mean()) for k in range(len(frame.planes))]


def plane_of(frame: av.VideoFrame, index: int) -> np.ndarray:
    """A plane of a frame of 8 bits, without the padding of its lines."""
    plane = frame.planes[index]
    lines = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return lines[:, : plane.width]


class Contents(NamedTuple):
    """What a file holds beside its frames.

    Attributes:
        streams: kind, codec, language and disposition, in order.
        packets: per stream that is no video, (seconds, bytes) of each packet.
        metadata: of the container.
        chapters: start in seconds and title.
        duration: in seconds.
        tags: of the video: matrix, range, primaries, transfer, aspect, rate, size.
    """

    streams: list[tuple]
    packets: dict[int, list[tuple[float, bytes]]]
    metadata: dict[str, str]
    chapters: list[tuple[float, str]]
    duration: float
    tags: dict[str, Any]


def contents_of(path) -> Contents:
    """Reads everything that is not in a frame."""
    with av.open(f"file:{path}") as container:
        stream = _moving(container)
        context = stream.codec_context
        packets: dict[int, list] = {}
        for packet in container.demux():
            # An empty subtitle ends one; .mp4 may have any number of them.
            empty = not packet.size or bytes(packet) == b"\0\0"
            if not empty and packet.stream is not stream:
                seconds = float((packet.pts or 0) * packet.time_base)
                packets.setdefault(packet.stream_index, []).append(
                    (round(seconds, 3), bytes(packet))
                )
        return Contents(
            [
                (
                    s.type,
                    s.codec_context.name if s.codec_context else None,
                    s.language or "und",
                    int(s.disposition),
                )
                for s in container.streams
            ],
            packets,
            {key.lower(): value for key, value in container.metadata.items()},
            [
                (float(c["start"] * c["time_base"]), c["metadata"]["title"])
                for c in container.chapters()
            ],
            (container.duration or 0) / av.time_base,
            {
                "matrix": context.colorspace,
                "range": context.color_range,
                "primaries": context.color_primaries,
                "transfer": context.color_trc,
                "aspect": stream.sample_aspect_ratio,
                "rate": stream.average_rate,
                "size": (context.width, context.height),
            },
        )


def _moving(container):
    images = av.stream.Disposition.attached_pic
    return next(s for s in container.streams.video if not s.disposition & images)


def _frame(image, pixel_format, tags) -> av.VideoFrame:
    if isinstance(image, av.VideoFrame):
        return image
    frame = av.VideoFrame.from_ndarray(image, "rgb24")
    frame.colorspace = tags[0]
    frame = frame.reformat(
        format=pixel_format, src_color_range=2, dst_color_range=tags[1] or 1
    )
    frame.colorspace, frame.color_range = tags[:2]
    frame.color_primaries, frame.color_trc = tags[2:]
    return frame


def _add_sound(out, sound):
    track = out.add_stream(sound.codec, rate=44100, bit_rate=96000)
    track.codec_context.layout = "mono"
    track.metadata["language"] = sound.language
    return track


def _write_sound(out, track, sound, end):
    track.codec_context.open(strict=False)
    count = track.codec_context.frame_size or 1024
    start = round(sound.start * 44100)
    rng = np.random.default_rng(0)
    for first in range(0, round(end * 44100) - start, count):
        noise = rng.integers(-9999, 9999, (1, count), np.int16)
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
        frame.sample_rate, frame.time_base = 44100, Fraction(1, 44100)
        frame.pts = start + first
        out.mux(track.encode(frame))
    out.mux(track.encode(None))


def _mux(out, stream, data, time, duration):
    packet = av.Packet(data)
    packet.pts = packet.dts = time
    packet.duration, packet.time_base = duration, Fraction(1, 1000)
    packet.is_keyframe = True
    packet.stream = stream
    out.mux(packet)
