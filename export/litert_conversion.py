"""From a tile model to the content of a LiteRT file."""

from __future__ import annotations

import keras
import tensorflow as tf

from egnet_tf.quiet_tensorflow import muted_stderr

# The largest difference of a value in [0, 1] from the Keras model. float32 differs by
# the order of its sums; float16 keeps 11 bits of every weight, a relative 5e-4, which
# adds up through the layers: half of one 8-bit level.
TOLERANCES = {"float32": 1e-4, "float16": 2e-3}


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
    # Both keep a diary: Keras on stdout, the converter on stderr.
    keras.utils.disable_interactive_logging()
    with muted_stderr():
        return converter.convert()
