"""Writes an ONNX file: python -m export.onnx --model=runs/quickstart --output=dist.

It takes images of any size and batch size or, with --tile, tiles of one size. It is
checked by onnx.checker, run by onnxruntime in a process of its own, and compared with
the Keras model before it is moved into place. Needs the extra `onnx`.
"""

from __future__ import annotations

import functools
from pathlib import Path

from absl import flags

from egnet_tf.cli import app, dataset_flags
from export import command
from export.checks.images import ODD_SIZE
from export.checks.source import open_source


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command."""
    command.define_flags(values, checked=4)
    command.define_branches(values, None)
    flags.DEFINE_integer(
        "tile",
        None,
        "The side in pixels of the one size that the file takes; the default is any "
        "size.",
        lower_bound=16,
        flag_values=values,
    )


def main(values: flags.FlagValues) -> None:
    """Writes the file and prints how large and how exact it is."""
    command.require_extra("onnx", "onnx", "tf2onnx", "onnxruntime")
    source = open_source(
        values.model,
        dataset_flags.open_pairs(values),
        dataset_flags.title(values),
        branches=values.branches,
        size=(values.tile, values.tile) if values.tile else ODD_SIZE,
        limit=values.checked,
    )

    from export.checks.table import write_all
    from export.onnx_writer import write_onnx

    write_all([functools.partial(write_onnx, source, Path(values.output), values.tile)])


if __name__ == "__main__":
    app.run(define_flags, main)
