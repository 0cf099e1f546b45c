"""Makes whole frames of the two half frames that an interlaced one is woven of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction

import av
from av import VideoFrame
from av.filter import Graph


class Deinterlacer:
    """Replaces interlaced frames by whole ones, one for one, as players show them.

    From the first interlaced frame on, all go through FFmpeg's `bwdif`, which looks at
    the frames before and after and lets whole ones pass.
    """

    def __init__(self):
        self._graph: Graph | None = None
        self._kind: object = None
        self._base = Fraction(1)

    def __call__(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Yields the frames that are ready, at the time and in the unit of `frame`."""
        if self._graph is None and not frame.interlaced_frame:
            yield frame
            return
        kind = frame.width, frame.height, frame.format.name
        if self._graph is None or kind != self._kind:
            yield from self.flush()
            self._kind, self._base = kind, Fraction(frame.time_base or 1)
            self._graph = Graph()
            self._graph.link_nodes(
                self._graph.add_buffer(
                    width=frame.width,
                    height=frame.height,
                    format=frame.format,
                    time_base=frame.time_base,
                ),
                self._graph.add("bwdif", "mode=send_frame:deint=interlaced"),
                self._graph.add("buffersink"),
            ).configure()
        self._graph.vpush(frame)
        yield from self._ready()

    def flush(self) -> Iterator[VideoFrame]:
        """Yields what is left after the last frame."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._ready()

    def _ready(self) -> Iterator[VideoFrame]:
        assert self._graph is not None
        with contextlib.suppress(BlockingIOError, av.EOFError):
            while True:
                frame = self._graph.vpull()
                # The filter counts in half units.
                ratio = (frame.time_base or self._base) / self._base
                frame.pts = round((frame.pts or 0) * ratio)
                frame.duration = round(frame.duration * ratio)
                frame.time_base = self._base
                yield frame
