"""From the graph of a tile to the content of a LiteRT file, in six number formats."""

from __future__ import annotations

import functools
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from tensorflow.lite.python.convert import mlir_quantize

from egnet_tf.cli.quiet_tensorflow import muted_stderr
from egnet_tf.images.convert import to_float

from ..graphs.frozen import SIGNATURE, image_signature, write_saved_model
from .inspect import Model, is_convolution, output_names, pack, parse
from .integers import to_integers
from .ranges import (
    activation_ranges,
    image_ranges,
    repair_zero_ranges,
    set_ranges,
)


class TileConverter:
    """Converts the graph of one tile to several modes.

    Args:
        graph: see `export.graphs.tile`; its input becomes `image` of the file's
            signature, its output `restored`.
    """

    def __init__(self, graph: Any):
        self._signature = image_signature(graph)

    def convert(
        self, mode: str, crops: Sequence[np.ndarray] = (), uint8: bool = False
    ) -> bytes:
        """Converts the graph.

        Args:
            mode: a key of `export.litert.modes.TOLERANCES`.
            crops: uint8 images (tile, tile, 3), for a calibrated mode.
            uint8: input and output are bytes from 0 to 255; for int8.

        Returns:
            The content of a .tflite file.
        """
        if mode == "float32":
            return self._float32
        if mode == "int8":
            return self._convert_int8(crops, tf.uint8 if uint8 else tf.float32)
        if mode == "int8_full":
            return self._convert_int8_full(crops)
        content = self._convert(mode, crops)
        return self._with_float_stems(content) if mode == "float16" else content

    @functools.cached_property
    def _float32(self) -> bytes:
        return self._convert("float32")

    def _convert(self, mode: str, crops: Sequence[np.ndarray] = ()) -> bytes:
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

    def _with_float_stems(self, float16: bytes) -> bytes:
        exact = parse(self._float32)
        model = parse(float16)
        restore_float_weights(model, exact, _stems(output_names(exact)))
        return pack(model)

    def _convert_int8_full(self, crops: Sequence[np.ndarray]) -> bytes:
        model = parse(self._float32)
        ranges = activation_ranges(model, self._float32, _images(crops))
        to_integers(model, ranges, crops)
        return pack(model)

    def _convert_int8(self, crops: Sequence[np.ndarray], image_type: Any) -> bytes:
        exact = parse(self._float32)
        ranges = activation_ranges(exact, self._float32, _images(crops))
        set_ranges(exact, {**ranges, **image_ranges(exact)})
        # The converter's own way keeps no operators in float32 and takes no ranges.
        with muted_stderr():
            content: Any = mlir_quantize(
                pack(exact),
                input_data_type=image_type,
                output_data_type=image_type,
                denylisted_nodes=_float_nodes(
                    output_names(exact), to_the_end=image_type == tf.float32
                ),
            )
        model = parse(content)
        if repair_zero_ranges(model):
            content = pack(model)
        return content


def restore_float_weights(
    float16: Model, float32: Model, outputs: Collection[str]
) -> None:
    """Gives some convolutions of a float16 model their float32 weights back.

    Args:
        float16: a model whose weights pass through DEQUANTIZE; modified in place.
        float32: the same network in float32.
        outputs: names of the convolutions' outputs in `float32`.
    """
    exact = _exact_weights(float32, outputs)
    (graph,) = float16.subgraphs
    operators = []
    for operator in graph.operators:
        rounded = float16.buffers[graph.tensors[operator.inputs[0]].buffer].data
        # By value: the converter names the same tensor differently in each mode.
        weights = None if rounded is None else exact.get(bytes(rounded))
        if weights is None:
            operators.append(operator)
        else:
            # The output becomes a constant, which needs no operator.
            graph.tensors[operator.outputs[0]].buffer = len(float16.buffers)
            float16.buffers.append(schema.BufferT(data=weights.view(np.uint8)))
    graph.operators = operators


def _exact_weights(float32: Model, outputs: Collection[str]) -> dict[bytes, np.ndarray]:
    """Maps each convolution's weights, rounded to float16, to the weights, flat."""
    (graph,) = float32.subgraphs
    exact = {}
    for operator, name in zip(graph.operators, output_names(float32), strict=True):
        if name in outputs and is_convolution(float32, operator):
            data = float32.buffers[graph.tensors[operator.inputs[1]].buffer].data
            weights = np.frombuffer(bytes(data), np.float32)
            exact[weights.astype(np.float16).tobytes()] = weights
    return exact


def _float_nodes(names: list[str], to_the_end: bool) -> list[str]:
    """Names of the operators that an int8 file computes in float32.

    The gradient map: three channels, so hardly any work, while LiteRT's 8-bit division
    and absolute value took 46 of the 118 ms of a tile. The stems, see `_stems`. And,
    where the output is float32, the sum of image and residual, so that the restored
    image is not rounded to bytes twice.
    """
    nodes = [name for name in names if "/gradient_map" in name] + _stems(names)
    if to_the_end:
        nodes += [name for name in names if re.search(r"/stage3(_\d+)?/", name)]
        nodes += names[-2:]  # Clipping from below and above.
    return nodes


def _stems(names: list[str]) -> list[str]:
    """Names of the first convolutions, whose weights must not be rounded.

    A whitening stem (`egnet_tf.layers.whitening`) tells detail from brightness by
    weights of up to 27 whose sums are near 0. Rounded, they do not cancel, and
    brightness leaks into detail. With exact stems, a float16 file of `egnet_mobile` is
    96 dB from Keras; with rounded ones it was 69.
    """
    return [name for name in names if "shallow_conv" in name]


def _images(crops: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    return (to_float(crop)[None] for crop in crops)
