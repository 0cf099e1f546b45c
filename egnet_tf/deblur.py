"""Deblurs photographs: a file, or a folder with all below it.

python -m egnet_tf.deblur --model=runs/quickstart --input=photo.jpg --output=out.png
"""

from __future__ import annotations

import sys
from pathlib import Path

from absl import flags
from tqdm import tqdm

from egnet_tf import commands
from egnet_tf.errors import InputError
from egnet_tf.inference import load
from egnet_tf.inference.photo import DEFAULT_MAX_PIXELS
from egnet_tf.inference.photo_jobs import find_jobs, restore_photos
from egnet_tf.inference.restorer import default_memory_limit

_GIB = 2**30

_INPUT = flags.DEFINE_string(
    "input",
    None,
    "A picture, or a folder of pictures (sub-folders too).",
    required=True,
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "File or folder to write. By default <name>_restored beside the input.",
)
_MODEL = flags.DEFINE_string(
    "model",
    "egnet_mobile",
    "A run's folder, a .tflite file, a SavedModel's folder, or the name of a variant "
    "whose weights come with the package.",
)
_BRANCHES = flags.DEFINE_list(
    "branches",
    None,
    "Branches of the self-ensemble: half, whole, quarters, flip_horizontal, "
    "flip_vertical, turn. By default what the model's trained ensemble fuses.",
)
_TILE = flags.DEFINE_integer(
    "tile",
    None,
    "Side of the tiles in pixels; 0: whole pictures, whatever memory they take. By "
    "default whole pictures within the memory limit, else the largest tiles.",
    lower_bound=0,
)
_OVERLAP = flags.DEFINE_integer(
    "overlap",
    None,
    "Pixels that tiles share. By default an eighth of a tile.",
    lower_bound=0,
)
_MEMORY_LIMIT = flags.DEFINE_float(
    "memory_limit",
    default_memory_limit() / _GIB,
    "GiB that the network may take for one picture or tile.",
    lower_bound=0.0,
)
_LOCAL_POOLING = flags.DEFINE_boolean(
    "local_pooling",
    False,
    "Pool over windows of 1.5 x the training crop instead of the picture.",
)
_BATCH = flags.DEFINE_integer(
    "batch", 8, "Small pictures of equal size restored at once.", lower_bound=1
)
_QUALITY = flags.DEFINE_integer(
    "quality", 95, "Of JPEG, WebP and AVIF.", lower_bound=1, upper_bound=100
)
_MAX_PIXELS = flags.DEFINE_integer(
    "max_pixels",
    DEFAULT_MAX_PIXELS,
    "Width x height above which a picture is refused.",
    lower_bound=1,
)
_SKIP_EXISTING = flags.DEFINE_boolean(
    "skip_existing", False, "Leave out pictures whose output is there."
)


def main() -> int:
    """Restores what the flags name; 1 if a picture of a folder failed."""
    output = Path(_OUTPUT.value) if _OUTPUT.value else None
    found = find_jobs(Path(_INPUT.value), output)
    jobs = found
    if _SKIP_EXISTING.value:
        jobs = [job for job in found if not job.target.exists()]
    reasons = _restore(jobs) if jobs else {}
    if reasons and Path(_INPUT.value).is_file():
        raise InputError(next(iter(reasons.values())))

    restored = [job for job in jobs if job.source not in reasons]
    if len(found) == len(restored) == 1:
        print(f"restored: {restored[0].target}")
    else:
        print(
            f"{len(restored)} restored, {len(found) - len(jobs)} there already, "
            f"{len(reasons)} failed"
        )
    for source, reason in reasons.items():
        print(f"failed: {source}: {reason}", file=sys.stderr)
    return 1 if reasons else 0


def _restore(jobs) -> dict[Path, str]:
    restorer = load(
        _MODEL.value,
        branches=_BRANCHES.value,
        tile=_TILE.value,
        overlap=_OVERLAP.value,
        memory_limit=int(_MEMORY_LIMIT.value * _GIB),
        local_pooling=_LOCAL_POOLING.value,
    )
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


if __name__ == "__main__":
    commands.run(main)
