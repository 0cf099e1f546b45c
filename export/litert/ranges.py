"""The ranges that an int8 file's activations are rounded within, from photographs.

The converter's own calibration takes the smallest and the largest value ever seen. A
single highlight then decides how wide the 256 steps are that all values share. Here
three values in a hundred thousand lie outside at either end, and saturate (Wu et al.,
"Integer Quantization for Deep Learning Inference", 2020, compares such percentiles).
What that saves: docs/export.md.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_litert.tools import flatbuffer_utils

_LEFT_OUT = 3e-5
_VALUES = 2048
"""Of each activation and image, at random places: all of them would fill the memory."""


def with_activation_ranges(content: bytes, images: Iterable[np.ndarray]) -> bytes:
    """Notes in a float32 .tflite file the range of every operator's output.

    Args:
        content: of the file; it has one input.
        images: for that input, float32 (1, S, S, 3) in [0, 1].

    Returns:
        The same, with a minimum and a maximum for each output; 0 lies between them.
    """
    model = flatbuffer_utils.convert_bytearray_to_object(content)
    (graph,) = model.subgraphs
    outputs = [index for operator in graph.operators for index in operator.outputs]
    for index, values in _activations(content, outputs, images).items():
        low, high = np.quantile(values, (_LEFT_OUT, 1 - _LEFT_OUT))
        graph.tensors[index].quantization = schema.QuantizationParametersT(
            min=np.float32([min(low, 0)]), max=np.float32([max(high, 0)])
        )
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _activations(
    content: bytes, outputs: list[int], images: Iterable[np.ndarray]
) -> dict[int, np.ndarray]:
    # Without the delegate, which keeps what lies inside its part of the graph.
    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    (input_details,) = interpreter.get_input_details()
    rng = np.random.default_rng(0)
    drawn: dict[int, list[np.ndarray]] = {index: [] for index in outputs}
    for image in images:
        interpreter.set_tensor(input_details["index"], image)
        interpreter.invoke()
        for index, values in drawn.items():
            tensor = interpreter.get_tensor(index).ravel()
            if tensor.size > _VALUES:
                tensor = tensor[rng.integers(tensor.size, size=_VALUES)]
            values.append(tensor)
    return {index: np.concatenate(values) for index, values in drawn.items()}
