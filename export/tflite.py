"""Writes LiteRT files: python -m export.tflite --model=runs/quickstart --output=dist.

One file a mode: a tile of fixed size, batch size 1, builtin operators only. Each is run
in a process of its own and compared with the Keras model before it is moved into place;
a file that is further from it than its mode allows is not written. The images of the
check are those of --split, the ranges of int8 and int16x8 are measured on the training
split.

--mode=float32 --mode=int8 --uint8 --dataset=gopro --data_dir=GOPRO_Large
"""

from __future__ import annotations

import functools
from pathlib import Path

from absl import flags

from egnet_tf.cli import app, dataset_flags
from egnet_tf.errors import InputError
from export import command
from export.checks.images import calibration_crops
from export.checks.source import open_source
from export.litert.modes import CALIBRATED, TOLERANCES


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command."""
    command.define_flags(values, checked=24)
    command.define_calibration(values)
    command.define_branches(values, ["whole"])
    flags.DEFINE_multi_enum(
        "mode",
        ["float32", "float16"],
        list(TOLERANCES),
        "The number format of a file.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "uint8",
        False,
        "Give the int8 file an input and an output of bytes.",
        flag_values=values,
    )


def main(values: flags.FlagValues) -> None:
    """Writes a file for each mode and prints how large and how exact it is."""
    if values.uint8 and "int8" not in values.mode:
        raise InputError(
            f"Expected --mode=int8 with --uint8. Received: {', '.join(values.mode)}"
        )
    calibrated = set(values.mode) & set(CALIBRATED)
    training = dataset_flags.open_pairs(values, split="train") if calibrated else None
    source = open_source(
        values.model,
        dataset_flags.open_pairs(values),
        dataset_flags.title(values),
        branches=values.branches,
        size=(values.tile, values.tile),
        limit=values.checked,
    )

    crops = (
        calibration_crops(training, values.tile, values.calibration) if training else []
    )

    from export.checks.table import write_all
    from export.litert.writer import LiteRTWriter

    writer = LiteRTWriter(
        source, Path(values.output), values.tile, crops, f"{values.dataset} train"
    )
    write_all(
        functools.partial(writer.write, mode, uint8=values.uint8 and mode == "int8")
        for mode in values.mode
    )


if __name__ == "__main__":
    app.run(define_flags, main)
