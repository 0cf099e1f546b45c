"""Prepares a data set for fast training, or makes pairs of high-speed frames.

python -m egnet_tf.prepare --dataset=gopro --data_dir=GOPRO_Large --output=shards/gopro
python -m egnet_tf.prepare --dataset=frames:240fps --form=pictures --output=pairs

The first is then read by --dataset=shards:shards/gopro, the second by
--dataset=folder:pairs. A stopped preparation goes on with the same command.
"""

from __future__ import annotations

import os
from pathlib import Path

from absl import flags
from tqdm import tqdm

from egnet_tf import commands
from egnet_tf.data import open_pairs
from egnet_tf.data.gopro import BLURS
from egnet_tf.data.preparation import begin, write_pictures, write_shards
from egnet_tf.data.sources import SPLITS, DataOptions
from egnet_tf.errors import InputError

_DEFAULTS = DataOptions()

_DATASET = flags.DEFINE_string(
    "dataset", None, "Data set, or several: see docs/data.md.", required=True
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "The data set's folder.")
_SPLIT = flags.DEFINE_enum("split", "train", SPLITS, "Which part of the data set.")
_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder to write to; the split gets its own in it.", required=True
)
_FORM = flags.DEFINE_enum(
    "form", "shards", ["shards", "pictures"], "Raw pixels, or PNG files of whole pairs."
)
_CROP = flags.DEFINE_integer(
    "crop", 512, "Side of the crops in shards; 0 for whole pictures.", lower_bound=0
)
_OVERLAP = flags.DEFINE_integer(
    "overlap", 256, "Overlap of neighbouring crops, in pixels.", lower_bound=0
)
_WORKERS = flags.DEFINE_integer(
    "workers", os.cpu_count() or 1, "Threads.", lower_bound=1
)
_SEED = flags.DEFINE_integer("seed", 0, "Of blur that is made on the fly.")
_GOPRO_BLUR = flags.DEFINE_enum(
    "gopro_blur", _DEFAULTS.gopro_blur, BLURS, "GoPro's folder blur or blur_gamma."
)
_FRAMES_BLUR = flags.DEFINE_enum(
    "frames_blur", _DEFAULTS.frames_blur, BLURS, "What of the frames is averaged."
)
_FRAMES_WINDOWS = flags.DEFINE_list(
    "frames_windows",
    list(_DEFAULTS.frames_windows),
    "Odd numbers of frames to average.",
)
_BLURRY = flags.DEFINE_string("blurry", "", "Pattern of the blurry files of a folder.")
_SHARP = flags.DEFINE_string("sharp", "", "Pattern of the sharp files of a folder.")
_SHAKE_EXTENT = flags.DEFINE_float(
    "shake_extent", _DEFAULTS.shake_extent, "Longest camera shake, in pixels."
)


def main() -> None:
    """Opens the data set, writes it with a progress bar, and says how to use it."""
    crop, overlap = _CROP.value, _OVERLAP.value
    if crop and overlap >= crop:
        raise InputError(
            f"Expected an overlap below the crop {crop}. Received: {overlap}"
        )
    options = DataOptions(
        gopro_blur=_GOPRO_BLUR.value,
        frames_blur=_FRAMES_BLUR.value,
        frames_windows=_windows(),
        blurry=_BLURRY.value,
        sharp=_SHARP.value,
        shake_extent=_SHAKE_EXTENT.value,
        # Each picture is read once: nothing to keep.
        cache_bytes=0,
    )
    pairs = open_pairs(
        _DATASET.value,
        data_dir=_DATA_DIR.value,
        split=_SPLIT.value,
        seed=_SEED.value,
        options=options,
    )
    folder = Path(_OUTPUT.value) / _SPLIT.value
    shards = _FORM.value == "shards"
    job = {
        "form": _FORM.value,
        "dataset": _DATASET.value,
        "data_dir": _DATA_DIR.value,
        "split": _SPLIT.value,
        "seed": _SEED.value,
        "gopro_blur": options.gopro_blur,
        "frames_blur": options.frames_blur,
        "frames_windows": list(options.frames_windows),
        "blurry": options.blurry,
        "sharp": options.sharp,
        "shake_extent": options.shake_extent,
        "crop": crop if shards else 0,
        "overlap": overlap if shards and crop else 0,
    }
    job = begin(folder, job, pairs.names)
    with tqdm(total=len(pairs), unit="pair", desc=_SPLIT.value) as bar:
        work = {"workers": _WORKERS.value, "progress": bar.update}
        if shards:
            count = write_shards(pairs, folder, job, crop=crop, overlap=overlap, **work)
        else:
            count = write_pictures(pairs, folder, **work)
    kind = "shards" if shards else "folder"
    print(
        f"{len(pairs)} pairs, {count} records: --dataset={kind}:{_OUTPUT.value}",
        flush=True,
    )


def _windows() -> tuple[int, ...]:
    try:
        return tuple(int(window) for window in _FRAMES_WINDOWS.value)
    except ValueError:
        raise InputError(
            f"Expected --frames_windows=7,9,... Received: {_FRAMES_WINDOWS.value}"
        ) from None


if __name__ == "__main__":
    commands.run(main)
