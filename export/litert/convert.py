"""From a tile model to the content of a LiteRT file, in one of five number formats."""

from __future__ import annotations

import functools
import math
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert import mlir_quantize

from egnet_tf.cli.quiet_tensorflow import muted_stderr
from export.checks.parity import Tolerance
from export.dead_ranges import repair_zero_ranges
from export.float_weights import with_float_weights
from export.graphs.frozen import SIGNATURE, frozen, image_signature, write_saved_model
from export.image_range import with_image_range
from export.litert.inspect import operator_outputs
from export.litert.ranges import with_activation_ranges

TOLERANCES = {
    # Differs by the order of its sums.
    "float32": Tolerance(1e-4, 0.001),
    # 11 bits of nearly every weight, a relative 5e-4, which adds up through the layers.
    "float16": Tolerance(4e-3, 0.01),
    # Integers of 8 bits: single values may be off by more than a person would see
    # anywhere, so the loss in dB is what is limited.
    "dynamic": Tolerance(math.inf, 0.1),
    "int8": Tolerance(math.inf, 0.1),
    "int16x8": Tolerance(math.inf, 0.05),
}
"""float32   weights and arithmetic in float32
float16   weights but the stems' in float16, arithmetic in float32 or, on GPUs, float16
dynamic   weights in int8; activations quantised on the fly where that pays
int8      weights and activations in int8
int16x8   weights in int8, activations in int16"""

CALIBRATED = ("int8", "int16x8")
"""The modes whose ranges are measured on photographs."""


class TileConverter:
    """Converts one tile model, in as many modes as wanted.

    Args:
        model: see `export.graphs.tile`; its input becomes `image` of the file's
            signature, its output `restored`.
    """

    def __init__(self, model: keras.Model):
        shape = model.inputs[0].shape
        self._signature = image_signature(
            frozen(lambda image: model(image)["restored"], tf.TensorSpec(shape))
        )

    def convert(
        self, mode: str, crops: np.ndarray | None = None, uint8: bool = False
    ) -> bytes:
        """Converts it.

        Args:
            mode: a key of `TOLERANCES`.
            crops: uint8 (N, tile, tile, 3) photographs, for a `CALIBRATED` mode.
            uint8: input and output are bytes from 0 to 255; for int8.

        Returns:
            The content of a .tflite file.
        """
        if mode == "float16":
            exact = self._exact
            return with_float_weights(self._convert(mode), exact, _stems(exact))
        if mode == "float32":
            return self._exact
        if mode == "int8":
            return self._convert_int8(crops, tf.uint8 if uint8 else tf.float32)
        return self._convert(mode, crops)

    @functools.cached_property
    def _exact(self) -> bytes:
        return self._convert("float32")

    def _convert(self, mode: str, crops: np.ndarray | None = None) -> bytes:
        with tempfile.TemporaryDirectory() as folder, muted_stderr():
            write_saved_model(Path(folder), {SIGNATURE: self._signature})
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
            if mode != "float32":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if mode == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if mode == "int16x8":
                converter.representative_dataset = lambda: (
                    {"image": image} for image in _images(crops)
                )
                # Division (of the gradient map) has no 16-bit form: it stays float.
                converter.target_spec.supported_ops = [
                    tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
                    tf.lite.OpsSet.TFLITE_BUILTINS,
                ]
            return converter.convert()

    def _convert_int8(self, crops: np.ndarray, image_type: tf.DType) -> bytes:
        # The converter's own way lets no operators stay float and takes no ranges.
        ranged = with_activation_ranges(self._exact, _images(crops))
        float_nodes = _float_nodes(self._exact, to_the_end=image_type == tf.float32)
        with muted_stderr():
            content = mlir_quantize(
                with_image_range(ranged),
                input_data_type=image_type,
                output_data_type=image_type,
                denylisted_nodes=float_nodes,
            )
        return repair_zero_ranges(content)


def _float_nodes(content: bytes, to_the_end: bool) -> list[str]:
    """Names of the operators that an int8 file computes in float32.

    The gradient map: three channels, so hardly any work; LiteRT divides and takes
    absolute values of bytes so slowly that they were 46 of the 118 ms of a tile.
    The stems, see `_stems`. And, where the output is float32, the sum of image and
    residual, so that the restored image is not rounded to bytes twice.
    """
    names = operator_outputs(content)
    nodes = [name for name in names if "/gradient_map" in name] + _stems(content)
    if to_the_end:
        nodes += [name for name in names if re.search(r"/stage3(_\d+)?/", name)]
        nodes += names[-2:]  # Clipping from below and above.
    return nodes


def _stems(content: bytes) -> list[str]:
    """Names of the first convolutions, whose weights take no rounding.

    A whitening stem (`egnet_tf.layers.whitening`) tells detail from brightness by
    weights of up to 27 whose sums are near 0. Rounded, they do not cancel, and
    brightness leaks into detail. With exact stems a float16 file of `egnet_mobile` is
    96 dB from Keras where it was 69.
    """
    return [name for name in operator_outputs(content) if "shallow_conv" in name]


def _images(crops: np.ndarray) -> Iterator[np.ndarray]:
    for crop in crops:
        yield crop[None].astype(np.float32) / np.float32(255)
