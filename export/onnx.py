"""Writes an ONNX file: python -m export.onnx --model=runs/quickstart --output=dist.

It takes images of any size and batch size or, with --tile, tiles of one size. It is
checked by onnx.checker, run by onnxruntime in a process of its own, and compared with
the Keras model before it is moved into place. Needs the extra `onnx`.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

from absl.flags import FlagValues

from egnet_tf.cli import app
from egnet_tf.errors import require
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


define_flags = partial(command.define, Options)


def main(values: FlagValues) -> None:
    """Writes the file and prints how large and how exact it is."""
    options = command.read(Options, values)
    require("onnx", "tf2onnx", "onnxruntime")
    source = command.open_source(
        options,
        values,
        branches=options.branches,
        fuse=options.fuse,
        size=(options.tile, options.tile) if options.tile else ODD_SIZE,
    )

    from .checks.table import write_all
    from .onnx_writer import write_onnx

    write_all([partial(write_onnx, source, Path(options.output), options.tile)])


if __name__ == "__main__":
    app.run(define_flags, main)
