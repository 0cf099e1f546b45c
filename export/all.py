"""Writes every format: python -m export.all --model=runs/quickstart --output=dist.

    dist/<model>_<mode>.tflite     LiteRT, in six number formats, and int8 with bytes
    dist/saved_model/<model>/1     for TensorFlow Serving
    dist/<model>.onnx              any size
    dist/<model>_256.onnx          one tile
    dist/exports.csv               how large and how exact each is

Each is checked as by its own command. One that is further from the Keras model than
its format may be is not written, and is named at the end. Needs the extras `onnx` and
`serving`.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

from absl.flags import FlagValues

from egnet_tf.cli import app, dataset_flags
from egnet_tf.errors import require

from . import command
from .checks.images import ODD_SIZE, calibration_crops, check_pairs
from .command import TileOptions
from .litert.modes import TOLERANCES
from .saved_model import MAX_PIXELS

_ODD_SIZED = 4
"""Restored by the whole self-ensemble, which takes longer than tiles do."""

_DEFAULTS = partial(TileOptions, checked=24)

define_flags = partial(command.define, _DEFAULTS)


def main(values: FlagValues) -> None:
    """Writes all files and the table, and names those that were refused."""
    options = command.read(_DEFAULTS, values)
    require("onnx", "tf2onnx", "onnxruntime")
    require("tensorflow_serving")
    tile, folder = options.tile, Path(options.output)
    pairs = dataset_flags.open_pairs(values)
    training = dataset_flags.open_pairs(values, split="train")
    # Servers run the whole self-ensemble; on a device, a tile is restored once.
    server = command.open_source(
        options, values, size=ODD_SIZE, limit=min(_ODD_SIZED, options.checked)
    )
    device = dataclasses.replace(
        server,
        branches=("whole",),
        pairs=check_pairs(pairs, (tile, tile), options.checked),
    )

    from .checks.table import write_all
    from .litert.writer import LiteRTWriter
    from .onnx_writer import Form, write_onnx
    from .saved_model_writer import write_version

    crops = calibration_crops(training, tile, options.calibration)
    litert = LiteRTWriter(device, folder, tile, crops, f"{values.dataset} train")
    versions = folder / "saved_model" / server.name
    write_all(
        [
            partial(write_version, server, versions, MAX_PIXELS),
            partial(write_onnx, server, folder, Form()),
            partial(write_onnx, device, folder, Form(tile)),
            *(partial(litert.write, mode) for mode in TOLERANCES),
            partial(litert.write, "int8", uint8=True),
        ],
        csv=folder / "exports.csv",
    )


if __name__ == "__main__":
    app.run(define_flags, main)
