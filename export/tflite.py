"""Writes LiteRT files: python -m export.tflite --model=runs/quickstart --output=dist.

One file a mode, `<model>_float32.tflite` and `<model>_float16.tflite`: a tile of
fixed size, batch 1, builtin operators only. Each is run on photographs against the
Keras model before it is put in its place; a file that differs more than its mode
allows is not written.
"""

from __future__ import annotations

import os
from pathlib import Path

import keras
import tensorflow as tf
from absl import flags

from egnet_tf import commands, models
from egnet_tf.errors import InputError
from egnet_tf.inference.litert_runner import LiteRTRunner
from export.parity import largest_difference
from export.tile_model import TILE, tile_model

# The largest difference of a value in [0, 1] from the Keras model. float32 differs by
# the order of its sums; float16 keeps 11 bits of every weight, a relative 5e-4, which
# adds up through the layers: half of one 8-bit level.
TOLERANCES = {"float32": 1e-4, "float16": 2e-3}

_MODEL = flags.DEFINE_string(
    "model", None, "a run's folder, or a variant", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "folder for the files", required=True)
_MODES = flags.DEFINE_multi_enum("mode", list(TOLERANCES), list(TOLERANCES), "which")
_TILE = flags.DEFINE_integer("tile", TILE, "side of the tile in pixels", 16)
_BRANCHES = flags.DEFINE_list(
    "branches",
    ["whole"],
    "of the self-ensemble; half,whole,quarters takes 2.25 times as long on the device",
)


def convert(model, mode: str) -> bytes:
    """Converts a tile model to a .tflite file's content.

    Args:
        model: see `export.tile_model`.
        mode: a key of `TOLERANCES`.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if mode == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def main() -> None:
    """Writes a file for each mode and says how large and how exact it is."""
    keras.utils.disable_interactive_logging()
    folder, source = Path(_OUTPUT.value), Path(_MODEL.value)
    is_run = (source / "weights").is_dir()
    weights = source / "weights" if is_run else models.shipped(_MODEL.value)
    model = tile_model(weights, _BRANCHES.value, _TILE.value)
    restore = tf.function(lambda image: model({"image": image})["restored"])
    folder.mkdir(parents=True, exist_ok=True)
    for mode in _MODES.value:
        path = folder / f"{source.resolve().name}_{mode}.tflite"
        temporary = path.with_name(f".{os.getpid()}.{path.name}")
        try:
            with commands.muted_stderr():  # the converter's own diary
                content = convert(model, mode)
            temporary.write_bytes(content)
            difference = largest_difference(
                LiteRTRunner(temporary), lambda x: restore(x).numpy(), _TILE.value
            )
            # Not `>`: a NaN must not pass.
            if not difference <= TOLERANCES[mode]:
                raise InputError(
                    f"Expected {mode} to differ from Keras by at most "
                    f"{TOLERANCES[mode]:g}; nothing written. Received: {difference:g}"
                )
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        print(
            f"{path}: {path.stat().st_size / 1e6:.2f} MB, largest difference from "
            f"Keras {difference:.1e} (at most {TOLERANCES[mode]:g}) on photographs"
        )


if __name__ == "__main__":
    commands.run(main)
