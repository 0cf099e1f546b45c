"""From a tile model to the content of a LiteRT file."""

from __future__ import annotations

import tempfile

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
        model: see `export.tile_model`; its input becomes `image` of the file's
            signature, its output `restored`.
        mode: a key of `TOLERANCES`.
    """
    # Keras keeps a diary on stdout, the converter on stderr.
    keras.utils.disable_interactive_logging()
    with tempfile.TemporaryDirectory() as folder, muted_stderr():
        # By way of a SavedModel: weights are then frozen, and the signature has the
        # names that we gave it.
        archive = keras.export.ExportArchive()
        archive.track(model)
        image = tf.TensorSpec(model.inputs[0].shape, tf.float32, name="image")
        archive.add_endpoint("serve", model.__call__, input_signature=[image])
        archive.write_out(folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if mode == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()
