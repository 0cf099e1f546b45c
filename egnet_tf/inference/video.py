"""Restores a video frame by frame; all else in it is copied. Needs the extra `video`.

Everything is checked before a model is loaded (`video_target`), and memory does not
grow with the length.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from egnet_tf.errors import InputError, require
from egnet_tf.files import replacing
from egnet_tf.inference.photos import check_new
from egnet_tf.inference.restorer import Restorer

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.stream import Stream

    from egnet_tf.video.read import Video

VIDEO_SUFFIXES = frozenset(
    """.3gp .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpg .mts .ts .webm
    .wmv""".split()  # noqa: SIM905
)


def is_video(path: Path) -> bool:
    """Whether a file is a video by its suffix."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def video_target(
    source: Path,
    output: Path | None,
    *,
    overwrite: bool = False,
    taken: Collection[Path] = (),
) -> Path:
    """Checks all that can be checked of a video before the work.

    Args:
        source: the video.
        output: a file or an existing folder; by default `<name>_restored` beside the
            source. Where no suffix is given, it is that of the source if that format
            is written and holds its sound and subtitles, else .mkv, else .mov.
        overwrite: whether a file that exists may be replaced; never the source.
        taken: targets of other videos, such as those of clip.avi for clip.webm.

    Returns:
        Where the restored video goes.

    Raises:
        InputError: no readable video, the extra is not installed, a suffix that is not
            written or cannot hold the sound and subtitles that another can, or an
            output that exists or is the source.
        OSError: the source cannot be read, or the system does not allow the name of
            the target.
    """
    source.stat()  # That there is no such file comes first.
    require("av")
    from egnet_tf.video.read import first_frame, open_video
    from egnet_tf.video.write import CONTAINERS, best_suffix, check

    first = first_frame(source)
    with open_video(source) as video:
        output = _named(source, output, best_suffix(video), taken)
        if output.suffix.lower() not in CONTAINERS:
            raise InputError(
                f"Expected a name that ends in {', '.join(CONTAINERS)}. "
                f"Received: {output}"
            )
        with contextlib.suppress(FileNotFoundError):
            output.stat()  # Says of a name that is too long that it is.
        if output.resolve() == source.resolve():
            raise InputError(
                f"Expected an output other than the input. Received: {output}"
            )
        if not overwrite:
            check_new([output])
        check(video, first, output)
    return output


def restore_video(
    restorer: Restorer,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    strength: float = 1.0,
    on_frame: Callable[[int, int], None] = lambda done, frames: None,
) -> None:
    """Restores a video, one frame in memory at a time.

    Every frame keeps its time and its duration, whatever the rate. Frames are turned
    upright and written as H.264 in 8 bits with the source's aspect of pixels, colour
    matrix, range, primaries and transfer; high dynamic range becomes BT.709. Other
    streams, chapters and metadata are copied; a warning names what is not.

    Args:
        restorer: restores the frames.
        source: a video that FFmpeg reads.
        target: see `video_target`; absent, old or complete at every moment. Missing
            folders are made.
        strength: how much of the restoration is kept, from 0 to 1; see `Restorer`.
        on_frame: called after each frame with how many are done and how many there
            are, by what the file says (0 if it does not).

    Raises:
        InputError: what `video_target` refuses; or, once all that could be read is
            restored and written, that the source is damaged or ends early, and where.
        OSError: a file cannot be read or written.
    """
    source, target = Path(source), Path(target)
    source.stat()  # That there is no such file comes first.
    require("av")
    from egnet_tf.video.colours import colours_of, rotation_of, to_rgb
    from egnet_tf.video.read import first_frame, open_video
    from egnet_tf.video.write import VideoWriter, check

    first, done = first_frame(source), 0
    rotation = rotation_of(first)
    with open_video(source) as video:
        plan = check(video, first, target)
        for warning in plan.warnings(target, first, video):
            logging.getLogger(__name__).warning(warning)
        with (
            replacing(target) as file,
            VideoWriter(file, target.suffix, video, first, plan) as writer,
        ):
            for frame in frames_of(video, writer.copy):
                image = to_rgb(frame, colours_of(frame), rotation)
                writer.write(restorer(image, strength=strength), frame)
                done += 1
                on_frame(done, video.frame_count)
            writer.flush()
    check_whole(video, done, target)


def frames_of(
    video: Video, copy: Callable[[Packet[Stream]], None]
) -> Iterator[VideoFrame]:
    """Yields the frames that can be restored, in order, and copies all else.

    The first that cannot be is noted in `video.damage` and is the end.
    """
    from av import Packet

    from egnet_tf.video.colours import colours_of

    for item in video.read():
        try:
            if isinstance(item, Packet):
                copy(item)
                continue
            colours_of(item)
        except InputError as error:
            video.note(item, str(error))
            if isinstance(item, Packet):
                continue
            break
        yield item


def check_whole(video: Video, done: int, target: Path) -> None:
    """Checks that a video was read to its end, after `done` frames were written.

    Raises:
        InputError: it was not.
    """
    if video.damage:
        raise InputError(
            f"Expected a whole video. Received: {video.path} ({video.damage}; "
            f"{done} frames of it are in {target})"
        )


def _named(
    source: Path, output: Path | None, suffix: str, taken: Collection[Path]
) -> Path:
    if output is None:
        folder, ending = source.parent, "_restored"
    elif output.is_dir():
        folder, ending = output, ""
    elif output in taken:
        raise InputError(
            f"Expected another output for each video. Received: {output} again"
        )
    else:
        return output
    target = folder / f"{source.stem}{ending}{suffix}"
    return folder / f"{source.name}{ending}{suffix}" if target in taken else target
