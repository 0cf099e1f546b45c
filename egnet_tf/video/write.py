"""Writes a restored video beside everything else that its source holds."""

from __future__ import annotations

import collections
import contextlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import av
import numpy as np
from av import Packet, VideoFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from egnet_tf.errors import InputError
from egnet_tf.video.colours import HDR, colours_of, from_rgb, rotation_of
from egnet_tf.video.read import Video

CONTAINERS = {".mkv": "matroska", ".mov": "mov", ".mp4": "mp4", ".m4v": "mp4"}
"""Suffix to FFmpeg's name of the formats that are written."""

_QUALITY = {"crf": "16"}  # Of x264: visually lossless.

_PCM = ("matroska", "mov")
"""The containers whose PCM players play."""

_STALE = re.compile(
    # What Matroska's tools count of a track, and what says how it was encoded.
    r"(bps|duration|number_of_(frames|bytes)|_statistics_.*)(-\w+)?"
    r"|encoder|vendor_id|rotate|alpha_mode|(major|compatible)_brands?|minor_version",
    re.IGNORECASE,
)

_ITUNES = frozenset(
    """album album_artist artist comment compilation composer copyright creation_time
    date description disc encoder episode_id episode_sort gapless_playback genre
    grouping hd_video keywords location lyrics media_type network performer
    performer_copyright rating season_number show sort_album sort_album_artist
    sort_artist sort_composer sort_name sort_show synopsis timecode title tmpo
    track""".split()  # noqa: SIM905
)
"""Keys of metadata that .mp4 and .mov have places of their own for."""


class Plan(NamedTuple):
    """What becomes of the streams beside the restored one in some format.

    Attributes:
        copied: those that it holds as they are.
        decoded: sound that it does not, but that it holds as PCM.
        lost: all else.
    """

    copied: list[Stream]
    decoded: list[AudioStream]
    lost: list[Stream]

    def missed(self) -> list[Stream]:
        """Those of the lost streams that a player plays: sound and subtitles."""
        return [s for s in self.lost if s.type in ("audio", "subtitle")]

    def warnings(self, target: Path, first: VideoFrame, video: Video) -> list[str]:
        """What is to be said of a target before it is written."""
        said = []
        if first.color_trc in HDR:
            kind = HDR[first.color_trc]
            said.append(
                f"{target} will hold standard dynamic range, mapped from {kind}"
            )
        names = {key.lower() for key in video.stream.metadata}
        if "alpha_mode" in names or any(c.is_alpha for c in first.format.components):
            said.append(f"{target} will not hold the opacity of the frames")
        if self.decoded:
            said.append(f"{target} will hold as PCM: {_listed(self.decoded)}")
        if self.lost:
            said.append(f"{target} will not hold: {_listed(self.lost)}")
        return said


def plan_for(video: Video, suffix: str) -> Plan:
    """Returns what becomes of a video's streams in the format of a suffix."""
    container, plan = CONTAINERS[suffix.lower()], Plan([], [], [])
    for stream in video.others:
        if stream.type == "data" and "timecode" in stream.metadata:
            continue  # The format makes it again from the metadata of the video.
        if _holds(container, stream):
            plan.copied.append(stream)
        elif (
            isinstance(stream, AudioStream)
            and stream.codec_context
            and container in _PCM
        ):
            plan.decoded.append(stream)
        else:
            plan.lost.append(stream)
    return plan


def best_suffix(video: Video) -> str:
    """Returns the suffix of a format that holds the sound and subtitles of a video.

    That of the video where it is written and does, else .mkv, else .mov.
    """

    def worse(suffix: str) -> tuple[int, int]:
        plan = plan_for(video, suffix)
        return len(plan.missed()), len(plan.decoded)

    own = video.path.suffix if video.path.suffix.lower() in CONTAINERS else ".mkv"
    return min((own, ".mkv", ".mov"), key=worse)


def check(video: Video, first: VideoFrame, target: Path) -> Plan:
    """Checks that a video can be written to a target, and writes nothing.

    Raises:
        InputError: the format does not hold sound or subtitles that another one does,
            or not these frames.
    """
    plan, best = plan_for(video, target.suffix), best_suffix(video)
    missed = plan.missed()
    if len(missed) > len(plan_for(video, best).missed()):
        raise InputError(
            f"Expected an output that holds all sound and subtitles, such as {best}. "
            f"Received: {target} for {_listed(missed)}"
        )
    with VideoWriter(None, target.suffix, video, first, plan):
        pass
    return plan


def _listed(streams: Sequence[Stream]) -> str:
    """The kinds of streams in words: 1 audio track (aac), 2 data tracks."""
    kinds = collections.Counter(
        (s.type, f" ({s.codec_context.name})" if s.codec_context else "")
        for s in streams
    )
    return ", ".join(
        f"{count} {kind} {'track' if count == 1 else 'tracks'}{codec}"
        for (kind, codec), count in kinds.items()
    )


class VideoWriter:
    """A video file that is being written.

    Frames become H.264 in 8 bits, with the size upright, the aspect of pixels, the
    colours (`colours_of`) and the time base of the source; the other streams are
    copied as they are, with chapters and metadata.

    Args:
        file: where to, or None to write nothing and only find out whether it can be.
        suffix: a key of `CONTAINERS`, in any case.
        video: the source.
        first: a frame of it.
        plan: what becomes of its other streams, by `plan_for`.

    Raises:
        InputError: the format cannot hold it so.
        OSError: the file cannot be written.
    """

    def __init__(
        self,
        file: Path | None,
        suffix: str,
        video: Video,
        first: VideoFrame,
        plan: Plan,
    ):
        self._file, self._video = file, video
        self._colours = colours_of(first).written
        width, height = first.width, first.height
        aspect = video.stream.sample_aspect_ratio or Fraction(0)
        if rotation_of(first).on_its_side:
            width, height, aspect = height, width, 1 / aspect if aspect else aspect
        # Players want colour at half the resolution, which needs even sides.
        self._format = "yuv420p" if width % 2 == height % 2 == 0 else "yuv444p"
        self._size = width, height
        self._last: dict[int, int] = {}
        self._soonest = -(2**62)  # Of the next restored frame to decode.
        with self._errors():
            self._container = _new(file or io.BytesIO(), CONTAINERS[suffix.lower()])
            metadata = _without_stale(video.container.metadata)
            has_places = {key.lower() for key in metadata} <= _ITUNES
            if CONTAINERS[suffix.lower()] != "matroska" and not has_places:
                self._container.container_options["movflags"] = "use_metadata_tags"
            self._container.metadata.update(metadata)
            self._container.set_chapters(
                [
                    {**chapter, "metadata": _readable(chapter.get("metadata", {}))}
                    for chapter in video.container.chapters()
                ]
            )
            self._stream = self._container.add_stream(
                "libx264",
                rate=(video.rate or Fraction(25)).limit_denominator(2**31 - 1),
                options=_QUALITY,
                width=width,
                height=height,
                time_base=video.stream.time_base,
            )
            encoder = self._stream.codec_context
            encoder.pix_fmt = self._format
            encoder.sample_aspect_ratio = aspect
            encoder.flags |= Flags.frame_duration
            encoder.colorspace = self._colours.matrix
            encoder.color_range = self._colours.range
            encoder.color_primaries = self._colours.primaries
            encoder.color_trc = self._colours.transfer
            self._stream.metadata.update(_without_stale(video.stream.metadata))
            self._stream.disposition = video.stream.disposition
            self._copies = {s.index: _copy(s, self._container) for s in plan.copied}
            self._sounds = {s.index: self._add_sound(s) for s in plan.decoded}
            self._container.start_encoding()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._errors() if error is None else contextlib.suppress(av.FFmpegError):
            self._container.close()

    def write(self, image: np.ndarray, frame: VideoFrame) -> None:
        """Writes a restored image (H, W, 3) uint8 at the time of its frame."""
        self.mux(self.encode(image, frame))

    def encode(self, image: np.ndarray, frame: VideoFrame) -> list[Packet[VideoStream]]:
        """Encodes what `write` writes; the packets of a frame may come later."""
        restored = from_rgb(image, frame, self._colours, self._size, self._format)
        if self._video.at_end:
            # A key frame is stored last. In .mp4 and .mov only the frame stored last
            # can be shown for a time of its own.
            restored.pict_type = 1  # An I-frame.
        with self._errors():
            return self._stream.encode(restored)

    def encode_rest(self) -> list[Packet[VideoStream]]:
        """The packets that the encoder still holds after the last frame."""
        with self._errors():
            return self._stream.encode(None)

    def mux(self, packets: Sequence[Packet[VideoStream]]) -> None:
        """Writes encoded frames, of this encoder or of one with its `parameters`."""
        for packet in packets:
            packet.stream = self._stream
            if packet.dts is not None:
                # Encoders of two pieces do not know of each other's delay.
                packet.dts = max(packet.dts, self._soonest)
                self._soonest = packet.dts + 1
        with self._errors():
            self._container.mux(packets)

    @property
    def parameters(self) -> bytes:
        """What a decoder must know before the first frame: H.264's parameter sets."""
        return bytes(self._stream.codec_context.extradata or b"")

    def flush(self) -> None:
        """Writes what the encoder still holds, after the last frame."""
        self.mux(self.encode_rest())
        with self._errors():
            for source, sound in self._sounds.values():
                for frame in (*source.decode(None), None):
                    self._container.mux(sound.encode(frame))

    def copy(self, packet: Packet[Stream]) -> None:
        """Copies a packet of another stream, or what is in it, if the plan says so.

        Raises:
            InputError: the packet is damaged; the next ones may be copied.
        """
        index = packet.stream_index
        if index in self._sounds:
            source, sound = self._sounds[index]
            with self._errors():
                for frame in source.decode(packet):
                    self._container.mux(sound.encode(frame))
        # An empty subtitle of .mp4 ends the one before: the format writes its own.
        empty = packet.size == 2 and bytes(packet) == b"\0\0"
        if index not in self._copies or empty:
            return
        # Every format wants times that rise. Those of a video that are not there are
        # left to it: it knows by how much frames are out of order.
        soonest = self._last.get(index, -(2**62)) + 1
        if packet.dts is None and (packet.pts is None or packet.stream.type != "video"):
            packet.dts = packet.pts if packet.pts is not None else max(soonest, 0)
        if packet.dts is not None:
            packet.dts = self._last[index] = max(packet.dts, soonest)
            pts = packet.dts if packet.pts is None else packet.pts
            packet.pts = max(pts, packet.dts)
        packet.stream = self._copies[index]
        with self._errors():
            self._container.mux(packet)

    def _add_sound(self, source: AudioStream) -> tuple[AudioStream, AudioStream]:
        sound = self._container.add_stream("pcm_s16le", rate=source.codec_context.rate)
        sound.codec_context.layout = source.codec_context.layout
        _describe(sound, source)
        return source, sound

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except av.FFmpegError as error:
            if isinstance(error, OSError) and error.errno:
                name = str(self._file) if self._file else None
                raise OSError(error.errno, os.strerror(error.errno), name) from error
            raise InputError(
                f"Expected a video that can be written. Received: {error.strerror}"
            ) from error


def _new(file: Path | io.BytesIO, container: str) -> OutputContainer:
    name = f"file:{file}" if isinstance(file, Path) else file
    return av.open(name, "w", format=container)


def _holds(container: str, stream: Stream) -> bool:
    if stream.type == "data":
        # Some data make the file fail at its very end (no rate is known for them).
        return False
    try:
        scratch = _new(io.BytesIO(), container)
        _copy(stream, scratch)
        scratch.start_encoding()
        scratch.close()
    except (ValueError, av.FFmpegError):
        return False
    return True


def _copy(stream: Stream, container: OutputContainer) -> Stream:
    # The decoder stands for the codec: for many there is no encoder.
    copy = container.add_stream_from_template(stream, opaque=True)
    _describe(copy, stream)
    return copy


def _describe(copy: Stream, source: Stream) -> None:
    copy.disposition = source.disposition
    copy.metadata.update(_readable(source.metadata))


def _without_stale(metadata: dict[str, str]) -> dict[str, str]:
    kept = {k: v for k, v in _readable(metadata).items() if not _STALE.fullmatch(k)}
    # FFmpeg names what has a language twice: title and title-eng.
    return {k: v for k, v in kept.items() if kept.get(k.rpartition("-")[0]) != v}


def _readable(metadata: dict[str, str]) -> dict[str, str]:
    """Metadata whose bytes are not UTF-8, as in old AVI files, read as Latin-1."""

    def text(value: str) -> str:
        data = value.encode("utf-8", "surrogateescape")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("latin-1")

    return {text(key): text(value) for key, value in metadata.items()}
