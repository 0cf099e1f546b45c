"""Gives a range to activations that no photograph of the calibration switched on.

The squeezing convolution of a channel attention ends in a ReLU. Where it gave nothing
but zeros, the calibration measured the range 0, the converter writes a scale near 0,
and LiteRT's default delegate (XNNPACK) refuses the whole file: it takes convolutions
whose input scale x weight scale / output scale is below 256. Any scale represents the
zeros exactly, so such a tensor gets a usual one.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from export.litert.inspect import is_convolution

_LIMIT = 2.0**8  # Of the ratio, in XNNPACK.
_INT8_MAX = 127


def repair_zero_ranges(content: bytes) -> bytes:
    """Returns an int8 file whose convolutions all have a usable output scale.

    Args:
        content: of a .tflite file; returned as it is when all ranges are alive.
    """
    model = flatbuffer_utils.convert_bytearray_to_object(content)
    changed = False
    for graph in model.subgraphs:
        convolutions = [
            [graph.tensors[i] for i in (*operator.inputs, *operator.outputs)]
            for operator in graph.operators
            if is_convolution(model, operator)
        ]
        for image, weights, *_, output in convolutions:
            scales = [_scale(tensor) for tensor in (image, weights, output)]
            if any(scale is None for scale in scales):
                continue
            product = float(np.max(scales[0] * scales[1]))
            if product / scales[2][0] < _LIMIT:
                continue
            # The range of one full input times one full weight.
            output.quantization.scale = np.float32([product * _INT8_MAX])
            changed = True
            for taken, kernel, *bias, _ in convolutions:
                if taken is output and bias:
                    _rescale(model, bias[0], _scale(output) * _scale(kernel))
    if not changed:
        return content
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _scale(tensor: schema.TensorT) -> np.ndarray | None:
    quantization = tensor.quantization
    return None if quantization is None else quantization.scale


def _rescale(model: schema.ModelT, bias: schema.TensorT, scale: np.ndarray) -> None:
    """A bias is stored in steps of input scale x weight scale."""
    buffer = model.buffers[bias.buffer]
    values = np.frombuffer(bytes(buffer.data), np.int32) * _scale(bias)
    if np.any(values):
        buffer.data = np.rint(values / scale).astype(np.int32).view(np.uint8)
    bias.quantization.scale = np.float32(scale)
