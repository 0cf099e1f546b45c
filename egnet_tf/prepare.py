"""Prepares a dataset for fast training, or makes pairs of high-speed frames.

python -m egnet_tf.prepare --dataset=gopro --data_dir=GOPRO_Large --output=shards/gopro
python -m egnet_tf.prepare --dataset=frames:240fps --form=images --output=pairs

The first is then read by --dataset=shards:shards/gopro, the second by
--dataset=folder:pairs. A preparation that was stopped resumes with the same command.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from absl.flags import FlagValues
from tqdm import tqdm

from egnet_tf.cli import app, dataset_flags, flags
from egnet_tf.data.prepare import begin, write_images, write_shards
from egnet_tf.data.registry import dataset_entry
from egnet_tf.errors import InputError, require
from egnet_tf.locks import only_process
from egnet_tf.options import option


@dataclasses.dataclass(frozen=True)
class Options:
    """What to write, and where."""

    output: str = option("", "Folder to write to; the split gets its own in it.")
    form: str = option(
        "shards",
        "Raw pixels for fast training, or PNG files of whole pairs.",
        choices=("shards", "images"),
    )
    crop: int = option(
        512, "Side of the crops in shards, in pixels; 0 is for whole images.", lower=0
    )
    overlap: int = option(
        256, "Overlap of neighbouring crops in shards, in pixels.", lower=0
    )
    workers: int = option(os.cpu_count() or 1, "Threads that read and write.", lower=1)


def define_flags(values: FlagValues) -> None:
    """Defines the flags of the command."""
    dataset_flags.define(values, dataset="", split="train")
    flags.define(Options, values)


def main(values: FlagValues) -> None:
    """Opens the dataset, writes it with a progress bar, and says how to use it."""
    require("tensorflow")
    options = flags.read(Options, values)
    crop, overlap = options.crop, options.overlap
    if not options.output:
        raise InputError("Expected --output, a folder to write to. Received: none")
    if crop and overlap >= crop:
        raise InputError(
            f"Expected an overlap below the crop {crop}. Received: {overlap}"
        )
    # Each image is read once: nothing to keep.
    pairs = dataset_flags.open_pairs(values, cache_bytes=0)
    folder = Path(options.output) / values.split
    shards = options.form == "shards"
    job = {
        "form": options.form,
        "dataset": values.dataset,
        "data_dir": values.data_dir,
        "split": values.split,
        "seed": values.seed,
        "options": dataset_flags.chosen(values),
        "crop": crop if shards else 0,
        "overlap": overlap if shards and crop else 0,
    }
    with (
        _resumable(folder),
        only_process(folder),
        tqdm(total=len(pairs), unit="pair", desc=values.split) as bar,
    ):
        job = begin(folder, job, pairs.names)
        work = {"workers": options.workers, "progress": bar.update}
        if shards:
            count = write_shards(pairs, folder, job, crop=crop, overlap=overlap, **work)
        else:
            count = write_images(pairs, folder, job, **work)
    entry = dataset_entry("shards" if shards else "folder", options.output)
    flag = shlex.quote(f"--dataset={entry}")
    print(f"{len(pairs)} pairs, {count} crops: {app.shown(flag)}")


@contextlib.contextmanager
def _resumable(folder: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"the same command resumes {folder}") from None


if __name__ == "__main__":
    app.run(define_flags, main)
