"""Restores a video frame by frame; its sound is copied. Needs the extra `video`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from egnet_tf.errors import InputError
from egnet_tf.inference.restorer import Restorer

VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm")
_WRITTEN_SUFFIXES = (".mkv", ".mov", ".mp4")

# The frames come as RGB: how they are turned into YUV must be said to FFmpeg, and by
# the file to the player, or colours shift.
_BT709 = [
    *("-vf", "scale=out_color_matrix=bt709:out_range=tv"),
    *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
    *("-color_range", "tv"),
]
_QUALITY = ["-crf", "16"]  # Of x264: no difference to be seen.


def is_video(path: Path) -> bool:
    """Whether a file is one by its suffix."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def video_target(source: Path, output: Path | None) -> Path:
    """Returns where a restored video goes.

    Args:
        source: the video.
        output: a file or an existing folder; by default `<name>_restored` beside the
            source, as .mkv (which takes every kind of sound) where the source's format
            is not written.

    Raises:
        InputError: another suffix than .mkv, .mov and .mp4, or the source itself.
    """
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
        raise InputError(f"Expected an output beside the input. Received: {output}")
    return output


def restore_video(
    restorer: Restorer,
    source: str | os.PathLike,
    target: str | os.PathLike,
    *,
    on_frame: Callable[[int, int], None] = lambda done, frames: None,
) -> None:
    """Restores a video, one frame in memory at a time.

    Frames are turned upright and written with a constant rate as H.264 (8 bits,
    BT.709); the first sound track is copied as it is.

    Args:
        restorer: restores the frames.
        source: what FFmpeg reads.
        target: see `video_target`; absent, old or complete at every moment.
        on_frame: called after each frame with how many are done and how many there
            are, by the duration the file gives (0 if it gives none).

    Raises:
        InputError: no video, or the extra is not installed.
        OSError: the file cannot be read or written.
    """
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise InputError(
            "Expected imageio-ffmpeg for videos: pip install 'egnet-tf[video]'. "
            f"Received: {error}"
        ) from error
    source, target = Path(source), Path(target)
    with open(source, "rb"):  # The system says it better than FFmpeg.
        pass
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{os.getpid()}.{target.name}")
    with contextlib.ExitStack() as stack:
        stack.callback(unfinished.unlink, missing_ok=True)
        frames = imageio_ffmpeg.read_frames(str(source))
        stack.callback(frames.close)
        try:
            about = next(frames)
        except (OSError, RuntimeError, StopIteration, KeyError, ValueError) as error:
            raise InputError(f"Expected a video. Received: {source}") from error
        width, height = about["size"]
        number = round(about["fps"] * about["duration"])
        even = width % 2 == height % 2 == 0
        sound = about.get("audio_codec")
        writer = imageio_ffmpeg.write_frames(
            str(unfinished),
            (width, height),
            fps=about["fps"],
            codec="libx264",
            quality=None,
            macro_block_size=1,
            # Colour at half the resolution, as players want it, needs even sides.
            pix_fmt_out="yuv420p" if even else "yuv444p",
            output_params=[*_QUALITY, *_BT709],
            audio_path=str(source) if sound else None,
            audio_codec="copy" if sound else None,
        )
        stack.callback(writer.close)
        writer.send(None)
        for done, frame in enumerate(frames, 1):
            image = np.frombuffer(frame, np.uint8).reshape(height, width, 3)
            writer.send(np.ascontiguousarray(restorer(image)))
            on_frame(done, number)
        writer.close()
        os.replace(unfinished, target)
