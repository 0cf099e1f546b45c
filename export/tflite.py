"""Writes LiteRT files: python -m export.tflite --model=runs/quickstart --output=dist.

One file a mode: a tile of fixed size, batch size 1, builtin operators only. Each is run
in a process of its own and compared with the Keras model before it is moved into place;
a file that is further from it than its mode allows is not written. The images of the
check are those of --split, the ranges of int8, int8_full and int16x8 are measured
on the training split.

--mode=float32 --mode=int8 --uint8 --dataset=gopro --data_dir=GOPRO_Large
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

from absl import flags

from egnet_tf.cli import app, dataset_flags
from egnet_tf.errors import InputError
from egnet_tf.options import option

from . import command
from .checks.images import calibration_crops
from .command import BranchOptions, TileOptions
from .litert.modes import CALIBRATED, TOLERANCES


@dataclasses.dataclass(frozen=True)
class Options(BranchOptions, TileOptions):
    """The options beside --mode."""

    uint8: bool = option(False, "Give the int8 file an input and an output of bytes.")
    accelerator: str = option(
        "auto",
        "With gpu, a file is refused that LiteRT's GPU accelerator does not run wholly "
        "and as the CPU does. With auto it is a warning, where there is a GPU.",
        choices=("auto", "cpu", "gpu"),
    )


_DEFAULTS = functools.partial(Options, checked=24, branches=("whole",))


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command."""
    command.define(_DEFAULTS, values)
    flags.DEFINE_multi_enum(
        "mode",
        ["float32", "float16"],
        list(TOLERANCES),
        "The number format of a file.",
        flag_values=values,
    )


def main(values: flags.FlagValues) -> None:
    """Writes a file for each mode and prints how large and how exact it is."""
    options, modes = command.read(_DEFAULTS, values), values.mode
    if options.uint8 and "int8" not in modes:
        raise InputError(
            f"Expected --mode=int8 with --uint8. Received: {', '.join(modes)}"
        )
    calibrated = set(modes) & set(CALIBRATED)
    training = dataset_flags.open_pairs(values, split="train") if calibrated else None
    tile = options.tile
    source = command.open_source(
        options,
        values,
        branches=options.branches,
        fuse=options.fuse,
        size=(tile, tile),
    )
    crops = calibration_crops(training, tile, options.calibration) if training else []

    from .checks.table import write_all
    from .litert.writer import LiteRTWriter

    writer = LiteRTWriter(
        source,
        Path(options.output),
        tile,
        crops,
        f"{values.dataset} train",
        options.accelerator,
    )
    write_all(
        functools.partial(writer.write, mode, uint8=options.uint8 and mode == "int8")
        for mode in modes
    )


if __name__ == "__main__":
    app.run(define_flags, main)
