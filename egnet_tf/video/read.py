"""Reads a video file: its streams, frames at their times, and what is wrong with it."""

from __future__ import annotations

import contextlib
import math
import os
import stat
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av import Packet, VideoFrame
from av.container import Flags, InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from egnet_tf.errors import InputError
from egnet_tf.video.deinterlace import Deinterlacer

_STILL = Disposition.attached_pic | Disposition.timed_thumbnails

_OPTIONS = {
    # A playlist or a script that names other files is no video, whatever its suffix.
    "format_whitelist": "asf,avi,flv,matroska,mov,mpeg,mpegts,mpegvideo",
    "protocol_whitelist": "file",
}

_RECORDINGS = frozenset({"mpegts", "mpeg"})
"""Formats of broadcasts and cameras: times begin anywhere, and again after a cut."""

_JUMP = Fraction(10)
"""Seconds forward from one packet to the next that only a cut explains."""


class Video:
    """A video file that is open for reading, once, from its first to its last packet.

    Attributes:
        path: the file.
        container: PyAV's.
        stream: the one that is restored; no cover image.
        others: all other streams.
        damage: what was wrong, in words, filled while reading; at first None.
        at_end: whether the last frame was read.
        reached: seconds from the start to the end of what was read.
    """

    def __init__(self, path: Path, container: InputContainer):
        self.path = path
        self.container = container
        moving = [s for s in container.streams.video if not s.disposition & _STILL]
        if not moving:
            kinds = {s.type: None for s in container.streams if s.type != "video"}
            held = ", ".join([*kinds, *["image"] * bool(container.streams.video)])
            raise InputError(
                f"Expected a video. Received: {path} (holds {held or 'nothing'})"
            )
        best = container.streams.best("video")
        self.stream: VideoStream = next((s for s in moving if s is best), moving[0])
        if self.stream.codec_context is None:
            raise InputError(f"Expected a video of a known codec. Received: {path}")
        self.stream.thread_type = "AUTO"
        self.others = [s for s in container.streams if s is not self.stream]
        self.damage: str | None = None
        self.at_end = False
        self.reached = Fraction(0)
        self._is_recording = container.format.name in _RECORDINGS

    @property
    def frame_count(self) -> int:
        """How many frames the file says it has, or has by its duration; 0: unknown."""
        rate = self.rate
        return self.stream.frames or round(self.duration * rate if rate else 0)

    @property
    def rate(self) -> Fraction | None:
        """Frames a second on average, as the file says or its first frames show."""
        return self.stream.average_rate or self.stream.guessed_rate

    @property
    def duration(self) -> Fraction:
        """Seconds from the start to the end, as the file says; 0: unknown."""
        return Fraction(self.container.duration or 0, av.time_base)

    def read(self) -> Iterator[VideoFrame | Packet[Stream]]:
        """Yields the frames of `stream` and the packets of the others, as they come.

        Times are in the time base of each stream. In a recording they begin at 0 and
        continue after cuts. A frame is later than the one before and lasts until the
        next. What cannot be read or decoded is left out and noted in `damage`.
        """
        step = self._default_step()
        # Two frames in a unit of Matroska would be at one time there.
        soon = max(1, math.ceil(Fraction(1, 1000) / (self.stream.time_base or 1)))
        held: VideoFrame | None = None
        last = -step
        for item in self._decoded():
            if isinstance(item, Packet):
                yield item
                continue
            time = last + step if item.pts is None else item.pts
            if held is not None:
                time = max(time, last + min(soon, step))
                held.duration = step = time - last
                yield held
            held, last, item.pts = item, time, time
        if held is not None:
            held.duration = held.duration or step
            self._reach(held, held.duration)
            self.at_end = True
            yield held
        self._note_missing_end()

    def _decoded(self) -> Iterator[VideoFrame | Packet[Stream]]:
        whole = Deinterlacer()
        first_dts = delay = None
        for packet in self._packets():
            if packet.stream is not self.stream:
                if packet.size:
                    self._reach(packet, packet.duration or 0)
                    yield packet
                continue
            if packet.dts is not None and not packet.size:
                continue  # So AVI says that the frame before stays on. No end yet.
            if first_dts is None:
                first_dts = packet.dts
            try:
                frames = self.stream.decode(packet)
            except av.FFmpegError as error:
                # A recording may begin amid frames that build on earlier ones.
                if delay is not None or not self._is_recording:
                    self.note(packet, error.strerror or str(error))
                continue
            for frame in frames:
                if delay is None:
                    delay = (frame.dts or 0) - (first_dts or 0)
                # AVI does not say when a frame is shown, only in which order.
                if frame.pts is None and frame.dts is not None:
                    frame.pts = frame.dts - delay
                if frame.is_corrupt:
                    self.note(frame, "a damaged frame")
                self._reach(frame, 0)
                yield from whole(frame)
        yield from whole.flush()

    def _packets(self) -> Iterator[Packet[Stream]]:
        cut = Fraction(0)
        if self._is_recording and self.container.start_time:
            cut = -Fraction(self.container.start_time, av.time_base)
        lasts: dict[int, tuple[Fraction, Fraction]] = {}  # Time, step to it.
        try:
            for packet in self.container.demux():
                # A recording's packets are called damaged wherever it was cut.
                if packet.is_corrupt and not self._is_recording:
                    self.note(packet, "a damaged packet")
                base, dts = packet.time_base, packet.dts
                if self._is_recording and dts is not None:
                    if packet.stream.type in ("video", "audio"):
                        time, number = dts * base + cut, packet.stream_index
                        last, step = lasts.get(number, (time, Fraction(0)))
                        if not last - Fraction(1, 10) < time < last + _JUMP:
                            cut += last + step - time
                            time = last + step
                        elif time > last:
                            step = time - last
                        lasts[number] = time, step
                    packet.dts = dts + round(cut / base)
                    if packet.pts is not None:
                        packet.pts += round(cut / base)
                yield packet
        except av.FFmpegError as error:
            self.note(None, error.strerror or str(error))
            yield from self._flush()

    def _flush(self) -> Iterator[Packet[Stream]]:
        last = Packet()
        last.stream = self.stream
        yield last

    def _default_step(self) -> int:
        rate, base = self.rate, self.stream.time_base
        return max(1, round(1 / (rate * base))) if rate and base else 1

    def _reach(self, item: VideoFrame | Packet[Stream], duration: int) -> None:
        if item.pts is not None and item.time_base:
            end = (item.pts + duration) * item.time_base
            self.reached = max(self.reached, end)

    def note(self, item: VideoFrame | Packet[Stream] | None, reason: str) -> None:
        """Notes damage at a frame or packet, None for where reading is; once."""
        if self.damage is None:
            time = self.reached
            if item is not None and item.pts is not None and item.time_base:
                time = item.pts * item.time_base
            self.damage = f"{' '.join(reason.split())} at {float(time):.2f} s"

    def _note_missing_end(self) -> None:
        start = 0 if self._is_recording else self.container.start_time or 0
        end = self.duration + max(Fraction(start, av.time_base), 0)
        if self.container.format.name == "avi" and self.rate:
            # Its duration is made from its size, but its header counts the frames.
            end = self.stream.frames / self.rate
        if self.damage is None and self.reached < end - max(Fraction(1, 2), end / 100):
            self.damage = f"ends at {float(self.reached):.2f} of {float(end):.2f} s"
        size = self.path.stat().st_size
        if self.container.format.name == "asf" and size < (
            whole := _asf_size(self.path)
        ):
            self.note(None, f"ends after {size} of {whole} bytes,")


@contextlib.contextmanager
def open_video(path: Path) -> Iterator[Video]:
    """Opens a video.

    Raises:
        InputError: no video, or one without a stream that can be restored.
        OSError: the file cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise InputError(f"Expected a file. Received: {path}")
    with open(path, "rb"):  # The system's message is better than FFmpeg's.
        pass
    try:
        container = av.open(
            # The prefix makes a name such as "http:x.mp4" that of a file.
            f"file:{os.fspath(path)}",
            metadata_errors="surrogateescape",
            container_options=_OPTIONS,
        )
    except av.FFmpegError as error:
        raise InputError(
            f"Expected a video. Received: {path} ({error.strerror})"
        ) from error
    # What FFmpeg would make up where AVI has no times is not in their order.
    container.flags &= ~Flags.gen_pts.value
    with container:
        yield Video(path, container)


def first_frame(path: Path) -> VideoFrame:
    """Returns the first frame of a video; for errors, see `open_video`."""
    with open_video(path) as video:
        for item in video.read():
            if isinstance(item, VideoFrame):
                return item
        raise InputError(
            f"Expected a video with frames that can be decoded. Received: {path} "
            f"({video.damage or 'none'})"
        )


def _asf_size(path: Path) -> int:
    """The size that an ASF file says it has; 0 for a live recording, and if unknown.

    From its File Properties Object (Advanced Systems Format specification, 3.2), after
    whose GUID come 8 bytes of its size, 16 of an identifier, and 8 of the file's size.
    """
    with open(path, "rb") as file:
        head = file.read(1 << 16)
    start = head.find(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    if start < 0 or len(head) < start + 92:
        return 0
    (size,) = struct.unpack_from("<Q", head, start + 40)
    (flags,) = struct.unpack_from("<I", head, start + 88)
    return 0 if flags & 1 else size
