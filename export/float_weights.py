"""Weights of single convolutions that stay float32 in a float16 file."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from export.litert.inspect import is_convolution


def with_float_weights(
    float16: bytes, float32: bytes, outputs: Collection[str]
) -> bytes:
    """Puts the weights of some convolutions back as they were.

    Args:
        float16: content of a file whose weights pass through DEQUANTIZE.
        float32: content of the same network's file in float32.
        outputs: names of what the convolutions give, in `float32`.

    Returns:
        `float16` with these weights in float32.
    """
    exact = _exact_weights(float32, outputs)
    model = flatbuffer_utils.convert_bytearray_to_object(float16)
    (graph,) = model.subgraphs
    operators = []
    for operator in graph.operators:
        rounded = model.buffers[graph.tensors[operator.inputs[0]].buffer].data
        # By value: the converter names the same tensor differently in each mode.
        weights = None if rounded is None else exact.get(bytes(rounded))
        if weights is None:
            operators.append(operator)
        else:
            # The output becomes a constant, which needs no operator.
            graph.tensors[operator.outputs[0]].buffer = len(model.buffers)
            model.buffers.append(schema.BufferT(data=weights.view(np.uint8)))
    graph.operators = operators
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _exact_weights(float32: bytes, outputs: Collection[str]) -> dict[bytes, np.ndarray]:
    """What float16 makes of each convolution's weights -> the weights, flat."""
    model = flatbuffer_utils.convert_bytearray_to_object(float32)
    (graph,) = model.subgraphs
    exact = {}
    for operator in graph.operators:
        name = graph.tensors[operator.outputs[0]].name.decode()
        if name in outputs and is_convolution(model, operator):
            weights = model.buffers[graph.tensors[operator.inputs[1]].buffer].data
            weights = np.frombuffer(bytes(weights), np.float32)
            exact[weights.astype(np.float16).tobytes()] = weights
    return exact
