"""Restores a long video in segments: resumable, and by several processes.

Each process decodes the whole video, which takes little beside restoring it, and
restores its share of the segments; so all agree on the frames, whatever the file.
Whichever finishes the last segment joins them. Encoded segments are kept in a hidden
folder beside the target until then.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from egnet_tf.errors import InputError, require
from egnet_tf.files import replacing
from egnet_tf.inference.video import check_whole, frames_of
from egnet_tf.locks import only_process

if TYPE_CHECKING:
    from av import VideoFrame

    from egnet_tf.video.read import Video

FRAMES = 60
"""Frames of a segment. It begins with a key frame, as players like every two seconds,
and is what a process loses if it is killed."""


class Restore(Protocol):
    """What is asked of a `Restorer` here."""

    def __call__(self, images: np.ndarray, /, *, strength: float) -> np.ndarray:
        """Restores (H, W, 3) uint8."""
        ...


class Progress(NamedTuple):
    """How much of a video is restored.

    Attributes:
        segments: how many segments it has.
        missing: how many other processes have not restored yet.
        joined: whether this process wrote the target.
    """

    segments: int
    missing: int
    joined: bool


def restore_in_segments(
    restorer: Restore,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    key: str,
    shard: tuple[int, int] = (0, 1),
    strength: float = 1.0,
    on_frame: Callable[[int, int], None] = lambda done, frames: None,
) -> Progress:
    """Restores a share of a video's segments, and joins all of them if it can.

    Segments that are there already are not restored again. The result does not depend
    on how many processes took part, or how often they were killed; it is that of
    `restore_video`, but for a key frame every `FRAMES` frames.

    Args:
        restorer: see `restore_video`.
        source: see `restore_video`.
        target: see `restore_video`.
        key: a text that is another one for another model or other options; segments of
            another key, or of a source that has changed, are not used.
        shard: (i, n): segments i, i + n, i + 2 n, ... are those of this process.
        strength: see `restore_video`.
        on_frame: called after each frame of the video, restored by this process or
            not, with its number from 1 and how many there are (0 if it is not known).

    Raises:
        InputError: see `restore_video`.
        OSError: a file cannot be read or written.
    """
    source, target = Path(source), Path(target)
    about = source.stat()
    require("av")
    folder = segments_folder(target, f"{about.st_size} {about.st_mtime_ns} {key}")
    count = restore_segments(
        restorer,
        source,
        target.suffix,
        folder,
        shard=shard,
        strength=strength,
        on_frame=on_frame,
    )
    missing = [k for k in range(count) if not segment_path(folder, k).exists()]
    if missing and any(folder.glob("*.npz")):
        return Progress(count, len(missing), joined=False)
    try:
        with only_process(folder):
            if not any(folder.glob("*.npz")):  # Another process has just joined them.
                return Progress(count, 0, joined=False)
            join_segments(source, target, folder)
            for done in target.parent.glob(f"{_prefix(target)}*"):
                shutil.rmtree(done, ignore_errors=True)
    except InputError as error:
        if "another one is at work" in str(error):
            return Progress(count, 0, joined=False)
        raise
    return Progress(count, 0, joined=True)


def restore_segments(
    restorer: Restore,
    source: Path,
    suffix: str,
    folder: Path,
    *,
    shard: tuple[int, int] = (0, 1),
    strength: float = 1.0,
    on_frame: Callable[[int, int], None] = lambda done, frames: None,
    on_segment: Callable[[Path], None] = lambda path: None,
) -> int:
    """Restores those segments of a shard that are not in a folder yet.

    `suffix` is that of the video that they will be joined to; `on_segment` is called
    with each file that is written; for the others see `restore_in_segments`.

    Returns:
        How many segments the video has.
    """
    from egnet_tf.video.read import first_frame, open_video

    first, number = first_frame(source), -1
    index, shards = shard
    folder.mkdir(parents=True, exist_ok=True)
    piece: _Piece | None = None
    with open_video(source) as video:
        for done, frame in enumerate(frames_of(video, lambda packet: None)):
            if done % FRAMES == 0:
                if piece is not None:
                    on_segment(piece.finish())
                piece, number = None, done // FRAMES
                path = segment_path(folder, number)
                if number % shards == index and not path.exists():
                    piece = _Piece(path, video, first, suffix)
            if piece is not None:
                piece.add(restorer, strength, frame)
            on_frame(done + 1, video.frame_count)
        if piece is not None:
            on_segment(piece.finish())
    return number + 1


class _Piece:
    """A segment that is being restored."""

    def __init__(self, path: Path, video: Video, first: VideoFrame, suffix: str):
        from egnet_tf.video.colours import rotation_of
        from egnet_tf.video.write import Plan, VideoWriter

        self._path = path
        self._rotation = rotation_of(first)
        self._writer = VideoWriter(None, suffix, video, first, Plan([], [], []))
        self._packets = []

    def add(self, restorer: Restore, strength: float, frame: VideoFrame) -> None:
        """Restores a frame."""
        from egnet_tf.video.colours import colours_of, to_rgb

        image = to_rgb(frame, colours_of(frame), self._rotation)
        restored = restorer(image, strength=strength)
        self._packets += self._writer.encode(restored, frame)

    def finish(self) -> Path:
        """Writes the segment; returns the file."""
        from egnet_tf.video.segments import write_segment

        with self._writer as writer:
            self._packets += writer.encode_rest()
            write_segment(self._path, self._packets, writer.parameters)
        return self._path


def join_segments(source: Path, target: Path, folder: Path) -> None:
    """Writes a video of all its segments and of all else that its source holds.

    Raises:
        InputError: a segment is missing or damaged; or, once all is written, the source
            is damaged or ends early.
        OSError: a file cannot be read or written.
    """
    from egnet_tf.video.read import first_frame, open_video
    from egnet_tf.video.segments import read_segment
    from egnet_tf.video.write import VideoWriter, check

    first, done = first_frame(source), 0
    with open_video(source) as video:
        plan = check(video, first, target)
        for warning in plan.warnings(target, first, video):
            logging.getLogger(__name__).warning(warning)
        with (
            replacing(target) as file,
            VideoWriter(file, target.suffix, video, first, plan) as writer,
        ):
            packets = iter(())
            for _ in frames_of(video, writer.copy):
                number, place = divmod(done, FRAMES)
                if place == 0:
                    path = segment_path(folder, number)
                    packets = read_segment(path, writer.parameters)
                # As many packets as frames, though in another order.
                writer.mux([next(packets)])
                done += 1
            writer.flush()
    check_whole(video, done, target)


def segments_folder(target: Path, key: str) -> Path:
    """Where the segments of a target wait for their joining; see `key` above."""
    return target.with_name(f"{_prefix(target)}{_digest(key)}")


def segment_path(folder: Path, number: int) -> Path:
    """The file of a segment."""
    return folder / f"{number:06}.npz"


def _prefix(target: Path) -> str:
    # Short: the name of the target may be as long as the file system allows.
    return f".segments-{_digest(target.name)}-"


def _digest(text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return hashlib.sha256(data).hexdigest()[:12]
