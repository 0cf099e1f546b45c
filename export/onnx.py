"""Writes an ONNX file: python -m export.onnx --model=runs/quickstart --output=dist.

It takes images of any size and batch size or, with --tile, tiles of one size. It is
checked by onnx.checker, run by onnxruntime in a process of its own, and compared with
the Keras model before it is moved into place. Needs the extra `onnx`.

    --tile=256 --layout=nchw           for TensorRT and photo editors
    --tile=256 --layout=nchw --half    in float16, for their GPUs
"""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

from absl.flags import FlagValues

from egnet_tf.cli import app
from egnet_tf.errors import InputError, require
from egnet_tf.options import option

from . import command
from .checks.images import ODD_SIZE
from .command import BranchOptions


@dataclasses.dataclass(frozen=True)
class Options(BranchOptions):
    """The options of the command."""

    tile: int | None = option(
        None,
        "The side in pixels of the one size that the file takes. By default it takes "
        "any size.",
        lower=16,
    )
    layout: str = option(
        "nhwc",
        "The order of the axes of the image and the restored one: nhwc as in image "
        "files, or nchw as TensorRT and PyTorch have them.",
        choices=("nhwc", "nchw"),
    )
    half: bool = option(
        False,
        "Weights and arithmetic in float16, for GPUs; input and output stay float32. "
        "Needs --tile.",
    )


define_flags = partial(command.define, Options)


def main(values: FlagValues) -> None:
    """Writes the file and prints how large and how exact it is."""
    options = command.read(Options, values)
    if options.half and not options.tile:
        raise InputError("Expected --tile with --half. Received: none")
    require("onnx", "tf2onnx", "onnxruntime")
    source = command.open_source(
        options,
        values,
        branches=options.branches,
        fuse=options.fuse,
        size=(options.tile, options.tile) if options.tile else ODD_SIZE,
    )

    from .checks.table import write_all
    from .onnx_writer import Form, write_onnx

    form = Form(options.tile, options.layout, options.half)
    write_all([partial(write_onnx, source, Path(options.output), form)])


if __name__ == "__main__":
    app.run(define_flags, main)
