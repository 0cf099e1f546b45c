"""Prepares a dataset for fast training, or makes pairs of high-speed frames.

python -m egnet_tf.prepare --dataset=gopro --data_dir=GOPRO_Large --output=shards/gopro
python -m egnet_tf.prepare --dataset=frames:240fps --form=images --output=pairs

The first is then read by --dataset=shards:shards/gopro, the second by
--dataset=folder:pairs. A stopped preparation goes on with the same command.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from absl import flags
from tqdm import tqdm

from egnet_tf.cli import app
from egnet_tf.cli.data_flags import DataFlags
from egnet_tf.data import open_pairs
from egnet_tf.data.prepare import begin, write_images, write_shards
from egnet_tf.errors import InputError

_DATA = DataFlags(dataset=None, split="train")
flags.mark_flag_as_required("dataset")
_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder to write to; the split gets its own in it.", required=True
)
_FORM = flags.DEFINE_enum(
    "form", "shards", ["shards", "images"], "Raw pixels, or PNG files of whole pairs."
)
_CROP = flags.DEFINE_integer(
    "crop", 512, "Side of the crops in shards; 0 for whole images.", lower_bound=0
)
_OVERLAP = flags.DEFINE_integer(
    "overlap", 256, "Overlap of neighbouring crops, in pixels.", lower_bound=0
)
_WORKERS = flags.DEFINE_integer(
    "workers", os.cpu_count() or 1, "Threads.", lower_bound=1
)


def main() -> None:
    """Opens the dataset, writes it with a progress bar, and says how to use it."""
    crop, overlap = _CROP.value, _OVERLAP.value
    if crop and overlap >= crop:
        raise InputError(
            f"Expected an overlap below the crop {crop}. Received: {overlap}"
        )
    # Each image is read once: nothing to keep.
    options = dataclasses.replace(_DATA.options(), cache_bytes=0)
    pairs = open_pairs(
        _DATA.dataset.value,
        data_dir=_DATA.data_dir.value,
        split=_DATA.split.value,
        seed=_DATA.seed.value,
        options=options,
    )
    folder = Path(_OUTPUT.value) / _DATA.split.value
    shards = _FORM.value == "shards"
    job = {
        "form": _FORM.value,
        "dataset": _DATA.dataset.value,
        "data_dir": _DATA.data_dir.value,
        "split": _DATA.split.value,
        "seed": _DATA.seed.value,
        "gopro_blur": options.gopro_blur,
        "frames_blur": options.frames_blur,
        "frames_windows": list(options.frames_windows),
        "blurry": options.blurry,
        "sharp": options.sharp,
        "camera_shake_extent": options.camera_shake_extent,
        "crop": crop if shards else 0,
        "overlap": overlap if shards and crop else 0,
    }
    job = begin(folder, job, pairs.names)
    with tqdm(total=len(pairs), unit="pair", desc=_DATA.split.value) as bar:
        work = {"workers": _WORKERS.value, "progress": bar.update}
        if shards:
            count = write_shards(pairs, folder, job, crop=crop, overlap=overlap, **work)
        else:
            count = write_images(pairs, folder, **work)
    kind = "shards" if shards else "folder"
    print(
        f"{len(pairs)} pairs, {count} records: --dataset={kind}:{_OUTPUT.value}",
        flush=True,
    )


if __name__ == "__main__":
    app.run(main)
