"""Deblurs photographs (a file, or a folder with all below it) and videos.

python -m egnet_tf.deblur --model=runs/quickstart --input=photo.jpg --output=out.png
"""

from __future__ import annotations

import sys
from pathlib import Path

from absl import flags
from tqdm import tqdm

from egnet_tf.cli import app
from egnet_tf.cli.restorer_flags import RestorerFlags
from egnet_tf.errors import InputError
from egnet_tf.images.find import count_other_files
from egnet_tf.images.read import DEFAULT_MAX_PIXELS
from egnet_tf.inference.photos import Job, find_jobs, restore_photos
from egnet_tf.inference.video import is_video, restore_video, video_target

_INPUT = flags.DEFINE_string(
    "input",
    None,
    "An image, a video, or a folder of images (sub-folders too). The name of this "
    "flag may be left out.",
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "File or folder to write. By default <name>_restored beside the input.",
)
_MODEL = flags.DEFINE_string(
    "model",
    "egnet_mobile",
    "A run's folder, a .tflite or .onnx file, a SavedModel's folder, or the name of a "
    "variant whose weights come with the package.",
)
_RESTORER = RestorerFlags()
_BATCH = flags.DEFINE_integer(
    "batch", 8, "Small images of equal size restored at once.", lower_bound=1
)
_QUALITY = flags.DEFINE_integer(
    "quality", 95, "Of JPEG, WebP and AVIF.", lower_bound=1, upper_bound=100
)
_MAX_PIXELS = flags.DEFINE_integer(
    "max_pixels",
    DEFAULT_MAX_PIXELS,
    "Width x height above which an image is refused.",
    lower_bound=1,
)
_SKIP_EXISTING = flags.DEFINE_boolean(
    "skip_existing", False, "Leave out images whose output is there."
)
_OVERWRITE = flags.DEFINE_boolean(
    "overwrite", False, "Replace outputs that exist, but never an input."
)


def main() -> int:
    """Restores what the flags name; 1 if an image of a folder failed."""
    if not _INPUT.value:
        raise InputError("Expected --input, an image or a folder. Received: nothing")
    source = Path(_INPUT.value)
    output = Path(_OUTPUT.value) if _OUTPUT.value else None
    overwrite = _OVERWRITE.value or _SKIP_EXISTING.value  # Skipped below.
    if is_video(source) and not source.is_dir():
        return _restore_video(source, video_target(source, output, overwrite=overwrite))
    found = find_jobs(source, output, overwrite=overwrite)
    jobs = [job for job in found if not _skipped(job.target)]
    reasons = _restore_photos(jobs) if jobs else {}
    if reasons and source.is_file():
        raise InputError(reasons[source])
    restored = [job for job in jobs if job.source not in reasons]
    if len(found) == len(restored) == 1:
        print(f"restored: {restored[0].target}")
    else:
        print(
            f"{len(restored)} restored, {len(found) - len(jobs)} there already, "
            f"{len(reasons)} failed"
        )
    if source.is_dir() and (others := count_other_files(source)):
        kinds = (f"{n} {kind or 'without a suffix'}" for kind, n in others.items())
        print(f"left out, not images: {', '.join(kinds)}", file=sys.stderr)
    for failed, reason in reasons.items():
        print(f"failed: {failed}: {reason}", file=sys.stderr)
    return 1 if reasons else 0


def _restore_photos(jobs: list[Job]) -> dict[Path, str]:
    restorer = _RESTORER.load(_MODEL.value)
    with tqdm(total=len(jobs), unit="photo", disable=None) as bar:
        return restore_photos(
            restorer,
            jobs,
            quality=_QUALITY.value,
            max_pixels=_MAX_PIXELS.value,
            batch=_BATCH.value,
            on_done=bar.update,
            on_tile=lambda done, tiles: bar.set_postfix_str(f"tile {done}/{tiles}"),
        )


def _restore_video(source: Path, target: Path) -> int:
    if _skipped(target):
        print("0 restored, 1 there already, 0 failed")
        return 0
    restorer = _RESTORER.load(_MODEL.value)
    with tqdm(unit="frame", disable=None) as bar:

        def show(_: int, frames: int) -> None:
            bar.total = frames or None
            bar.update()

        restore_video(restorer, source, target, on_frame=show)
    print(f"restored: {target}")
    return 0


def _skipped(target: Path) -> bool:
    return _SKIP_EXISTING.value and target.exists()


if __name__ == "__main__":
    app.run(main, subject="input")
