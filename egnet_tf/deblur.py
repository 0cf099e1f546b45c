"""Deblurs photos and videos: python -m egnet_tf.deblur photo.jpg.

Of a folder all images in it and its sub-folders are restored. The result lies beside
the input, named <name>_restored, unless --output says otherwise.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from absl.flags import FlagValues
from tqdm import tqdm

from egnet_tf.cli import app, flags, restorer_flags
from egnet_tf.errors import InputError
from egnet_tf.images.find import count_other_files
from egnet_tf.images.read import DEFAULT_MAX_PIXELS, read_photo
from egnet_tf.inference.photos import Job, find_jobs, restore_photos
from egnet_tf.inference.resolve import resolve
from egnet_tf.inference.video import is_video, restore_video, video_target
from egnet_tf.options import option


@dataclasses.dataclass(frozen=True)
class Options:
    """What to restore, with which model, and where to."""

    input: str = option(
        "",
        "An image, a video, or a folder of images with its sub-folders. The name of "
        "this flag may be left out.",
    )
    output: str = option(
        "", "File or folder to write. By default <name>_restored beside the input."
    )
    model: str = option(
        "egnet_mobile",
        "A run's folder, a .tflite or .onnx file, a SavedModel's folder, or the name "
        "of a variant whose weights come with the package.",
    )
    batch: int = option(
        8, "Small images of equal size that are restored at once.", lower=1
    )
    quality: int = option(
        95, "Quality of JPEG, WebP and AVIF files that are written.", lower=1, upper=100
    )
    max_pixels: int = option(
        DEFAULT_MAX_PIXELS,
        "Width times height above which an image is refused.",
        lower=1,
    )
    skip_existing: bool = option(
        False, "Leave out images whose output is there already."
    )
    overwrite: bool = option(False, "Replace outputs that exist, but never an input.")


def define_flags(values: FlagValues) -> None:
    """Defines the flags of the command."""
    flags.define(Options, values)
    restorer_flags.define(values)


def main(values: FlagValues) -> int:
    """Restores what the flags name; returns 1 if an image of a folder failed."""
    options = flags.read(Options, values)
    if not options.input:
        raise InputError("Expected an image, a video or a folder. Received: nothing")
    source = Path(options.input).expanduser()
    output = Path(options.output).expanduser() if options.output else None
    resolve(options.model)
    overwrite = options.overwrite or options.skip_existing  # Skipped below.
    if is_video(source) and not source.is_dir():
        target = video_target(source, output, overwrite=overwrite)
        return _restore_video(values, source, target)
    found = find_jobs(source, output, overwrite=overwrite)
    jobs = [job for job in found if not (options.skip_existing and job.target.exists())]
    if len(jobs) == 1:
        # What is wrong with a single image is said before the model is loaded.
        read_photo(jobs[0].source, options.max_pixels)
    reasons = _restore_photos(values, options, jobs) if jobs else {}
    if reasons and source.is_file():
        raise InputError(reasons[source])
    restored = [job for job in jobs if job.source not in reasons]
    if len(found) == len(restored) == 1:
        print(f"restored: {app.shown(restored[0].target)}")
    else:
        print(
            f"{len(restored)} restored, {len(found) - len(jobs)} there already, "
            f"{len(reasons)} failed"
        )
    if source.is_dir() and (others := count_other_files(source)):
        kinds = (f"{n} {kind or 'without a suffix'}" for kind, n in others.items())
        left_out = app.shown(", ".join(kinds))
        print(f"left out, not images: {left_out}", file=sys.stderr)
    for failed, reason in reasons.items():
        print(f"failed: {app.shown(failed)}: {app.shown(reason)}", file=sys.stderr)
    return 1 if reasons else 0


def _restore_photos(
    values: FlagValues, options: Options, jobs: list[Job]
) -> dict[Path, str]:
    restorer = restorer_flags.load(values, options.model)
    with tqdm(total=len(jobs), unit="photo", disable=None) as bar:
        return restore_photos(
            restorer,
            jobs,
            quality=options.quality,
            max_pixels=options.max_pixels,
            batch=options.batch,
            on_done=bar.update,
            on_tile=lambda done, tiles: bar.set_postfix_str(f"tile {done}/{tiles}"),
        )


def _restore_video(values: FlagValues, source: Path, target: Path) -> int:
    if values.skip_existing and target.exists():
        print("0 restored, 1 there already, 0 failed")
        return 0
    restorer = restorer_flags.load(values, values.model)
    with tqdm(unit="frame", disable=None) as bar:

        def show(_: int, frames: int) -> None:
            bar.total = frames or None
            bar.update()

        restore_video(restorer, source, target, on_frame=show)
    print(f"restored: {app.shown(target)}")
    return 0


POSITIONAL = "input"

if __name__ == "__main__":
    app.run(define_flags, main, POSITIONAL)
