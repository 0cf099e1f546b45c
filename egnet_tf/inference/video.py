"""Restores a video frame by frame and copies its sound. Needs the extra `video`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from egnet_tf.errors import InputError
from egnet_tf.files import replacing
from egnet_tf.inference.photos import check_new
from egnet_tf.inference.restorer import Restorer

VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm")
_WRITTEN_SUFFIXES = (".mkv", ".mov", ".mp4")

# FFmpeg has to be told how RGB becomes YUV, and the player by the file, or colours
# shift.
_BT709 = [
    *("-vf", "scale=out_color_matrix=bt709:out_range=tv"),
    *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
    *("-color_range", "tv"),
]
_QUALITY = ["-crf", "16"]  # Of x264: visually lossless.


def is_video(path: Path) -> bool:
    """Whether a file is a video by its suffix."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def video_target(source: Path, output: Path | None, *, overwrite: bool = False) -> Path:
    """Checks a video and returns where the restored one goes.

    Args:
        source: the video.
        output: a file or an existing folder; by default `<name>_restored` beside the
            source, as .mkv (which takes every kind of sound) where the source's format
            is not written.
        overwrite: whether a file that exists may be replaced; never the source.

    Raises:
        InputError: no readable video, the extra is not installed, a suffix other than
            .mkv, .mov and .mp4, or an output that exists or is the source.
    """
    with _frames(source):
        pass
    known = source.suffix.lower() in _WRITTEN_SUFFIXES
    suffix = source.suffix if known else ".mkv"
    if output is None:
        output = source.with_name(f"{source.stem}_restored{suffix}")
    elif output.is_dir():
        output = output / f"{source.stem}{suffix}"
    if output.suffix.lower() not in _WRITTEN_SUFFIXES:
        raise InputError(
            f"Expected a name that ends in {', '.join(_WRITTEN_SUFFIXES)}. "
            f"Received: {output}"
        )
    if output.resolve() == source.resolve():
        raise InputError(f"Expected an output other than the input. Received: {output}")
    if not overwrite:
        check_new([output])
    return output


def restore_video(
    restorer: Restorer,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    on_frame: Callable[[int, int], None] = lambda done, frames: None,
) -> None:
    """Restores a video, one frame in memory at a time.

    Frames are rotated upright and written with a constant rate as H.264 (8 bits,
    BT.709); the first sound track is copied.

    Args:
        restorer: restores the frames.
        source: a video that FFmpeg reads.
        target: see `video_target`; absent, old or complete at every moment. Missing
            folders are made.
        on_frame: called after each frame with how many are done and how many there
            are, by the duration the file gives (0 if it gives none).

    Raises:
        InputError: no readable video, or the extra is not installed.
        OSError: the file cannot be written.
    """
    with _frames(source) as (about, frames), replacing(target) as unfinished:
        import imageio_ffmpeg

        width, height = about["size"]
        number = round(about["fps"] * about["duration"])
        even = width % 2 == height % 2 == 0
        sound = about.get("audio_codec")
        writer = imageio_ffmpeg.write_frames(
            str(unfinished),
            (width, height),
            fps=about["fps"],
            codec="libx264",
            quality=None,  # pyright: ignore[reportArgumentType]
            macro_block_size=1,
            # Players want colour at half the resolution, which needs even sides.
            pix_fmt_out="yuv420p" if even else "yuv444p",
            output_params=[*_QUALITY, *_BT709],
            audio_path=str(source) if sound else None,
            audio_codec="copy" if sound else None,
        )
        with contextlib.closing(writer):
            writer.send(None)
            for done, frame in enumerate(frames, 1):
                image = np.frombuffer(frame, np.uint8).reshape(height, width, 3)
                writer.send(np.ascontiguousarray(restorer(image)))
                on_frame(done, number)


@contextlib.contextmanager
def _frames(
    source: str | os.PathLike[str],
) -> Iterator[tuple[dict[str, Any], Iterator[bytes]]]:
    """Yields what FFmpeg says about a video, and its frames as RGB bytes."""
    with open(source, "rb"):  # The system's message is better than FFmpeg's.
        pass
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise InputError(
            "Expected imageio-ffmpeg for videos: pip install 'egnet-tf[video]'. "
            f"Received: {error}"
        ) from error
    with contextlib.closing(imageio_ffmpeg.read_frames(os.fspath(source))) as frames:
        try:
            about = next(frames)
        except (OSError, RuntimeError, StopIteration, KeyError, ValueError) as error:
            raise InputError(f"Expected a video. Received: {source}") from error
        yield about, frames
