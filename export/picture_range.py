"""Tells a network the range of images, which needs no measuring.

What is cut out of an image has the image's scale, and the converter lets the range
measured in a part win over that of the whole: if no crop was quite white in its last
row, white would be clipped everywhere. With [0, 1] exactly for the input, all that is
cut out of it, and the output, a byte n is n / 255 on both sides, and saturation clips
the restored image.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

_Operator = schema.BuiltinOperator
_CUTS = (
    _Operator.SLICE,
    _Operator.SPLIT,
    _Operator.SPLIT_V,
    _Operator.STRIDED_SLICE,
)


def with_image_range(content: bytes) -> bytes:
    """Gives input and output of a .tflite file the range [0, 1].

    Args:
        content: of a float32 file with the ranges of `activation_ranges`, whose last
            two operators clip.
    """
    model = flatbuffer_utils.convert_bytearray_to_object(content)
    (graph,) = model.subgraphs
    below, above = graph.operators[-2:]
    images = {*graph.inputs, below.inputs[0], below.outputs[0], above.outputs[0]}
    for operator in graph.operators:
        kind = flatbuffer_utils.get_builtin_code_from_operator_code(
            model.operatorCodes[operator.opcodeIndex]
        )
        taken = set(operator.inputs)
        is_cut = kind in _CUTS and taken & images
        is_joined = kind == _Operator.CONCATENATION and taken <= images
        if is_cut or is_joined:
            images |= set(operator.outputs)
    for index in images:
        tensor = graph.tensors[index]
        tensor.quantization = tensor.quantization or schema.QuantizationParametersT()
        tensor.quantization.min = np.float32([0.0])
        tensor.quantization.max = np.float32([1.0])
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
