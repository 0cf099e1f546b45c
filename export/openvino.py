"""Writes an OpenVINO model: python -m export.openvino --model=runs/x --output=dist.

For the CPUs, GPUs and NPUs that OpenVINO runs on. It takes images of any size and batch
size or, with --tile, tiles of one size. It is run by openvino in a process of its own
and compared with the Keras model before it is moved into place. Needs the extra
`openvino`, and --mode=int8 the extra `openvino-int8`.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

from absl.flags import FlagValues

from egnet_tf.cli import app, dataset_flags
from egnet_tf.errors import InputError, require
from egnet_tf.options import option

from . import command
from .checks.images import ODD_SIZE, calibration_crops
from .command import BranchOptions


@dataclasses.dataclass(frozen=True)
class Options(BranchOptions):
    """The options of the command."""

    tile: int | None = option(
        None,
        "The side in pixels of the one size that the model takes. By default it takes "
        "any size.",
        lower=16,
    )
    mode: str = option(
        "float16",
        "The numbers: float16 for the weights alone, or int8 for weights and "
        "arithmetic, which needs --tile.",
        choices=("float16", "int8"),
    )
    calibration: int = option(
        100,
        "The number of crops of the training split on which int8 is calibrated.",
        lower=1,
    )


define_flags = partial(command.define, Options)


def main(values: FlagValues) -> None:
    """Writes the model and prints how large and how exact it is."""
    options = command.read(Options, values)
    tile = options.tile
    if options.mode == "int8" and not tile:
        raise InputError("Expected --tile with --mode=int8. Received: none")
    require("openvino")
    if options.mode == "int8":
        require("nncf")
    source = command.open_source(
        options,
        values,
        branches=options.branches,
        fuse=options.fuse,
        size=(tile, tile) if tile else ODD_SIZE,
    )
    crops = []
    if options.mode == "int8" and tile:
        training = dataset_flags.open_pairs(values, split="train")
        crops = calibration_crops(training, tile, options.calibration)

    from .checks.table import write_all
    from .openvino_writer import write_openvino

    write = partial(write_openvino, source, Path(options.output), tile)
    write_all([partial(write, crops) if tile and crops else write])


if __name__ == "__main__":
    app.run(define_flags, main)
