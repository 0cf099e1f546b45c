"""The ranges within which an int8 file rounds its activations.

The converter's own calibration takes the smallest and the largest value ever seen, so
that a single highlight decides how wide the 256 steps are that all values share. Here
three values in a hundred thousand lie outside the range at either end, and saturate
(Wu et al., "Integer Quantization for Deep Learning Inference", 2020, compares such
percentiles). What that gains: docs/experiments/litert.md.

All functions work on a parsed file, so that it is read and written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from .inspect import Model, is_convolution, operator_code

_OUTSIDE = 3e-5
_VALUES = 2048
"""Values drawn at random from each activation and image: all would fill the memory."""

_Operator = schema.BuiltinOperator
_CUTS = (
    _Operator.SLICE,
    _Operator.SPLIT,
    _Operator.SPLIT_V,
    _Operator.STRIDED_SLICE,
)

_XNNPACK_LIMIT = 2.0**8
_INT8_MAX = 127


def set_ranges(model: Model, ranges: Mapping[int, tuple[float, float]]) -> None:
    """Writes the (minimum, maximum) of tensors, by index, into a float32 model."""
    (graph,) = model.subgraphs
    for index, (low, high) in ranges.items():
        graph.tensors[index].quantization = schema.QuantizationParametersT(
            min=np.array([low], np.float32), max=np.array([high], np.float32)
        )


def activation_ranges(
    model: Model, content: bytes, images: Iterable[np.ndarray]
) -> dict[int, tuple[float, float]]:
    """Measures the range of every operator's output on images float32 (1, S, S, 3).

    The model is that of a float32 file of this content, with one input.

    Returns:
        (minimum, maximum) by index of the tensor; 0 lies between them.
    """
    (graph,) = model.subgraphs
    # Without the delegate, which keeps the tensors inside its part of the graph.
    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    (input_details,) = interpreter.get_input_details()
    rng = np.random.default_rng(0)
    drawn: dict[int, list[np.ndarray]] = {
        index: [] for operator in graph.operators for index in operator.outputs
    }
    for image in images:
        interpreter.set_tensor(input_details["index"], image)
        interpreter.invoke()
        for index, values in drawn.items():
            tensor = interpreter.get_tensor(index).ravel()
            if tensor.size > _VALUES:
                tensor = tensor[rng.integers(tensor.size, size=_VALUES)]
            values.append(tensor)
    ranges = {}
    for index, values in drawn.items():
        low, high = np.quantile(np.concatenate(values), (_OUTSIDE, 1 - _OUTSIDE))
        ranges[index] = (min(low, 0), max(high, 0))
    return ranges


def image_ranges(model: Model) -> dict[int, tuple[float, float]]:
    """The range [0, 1] for the input, all that is cut out of it, and the output.

    What is cut out of an image has the image's scale, and the converter prefers the
    range measured in a part to that of the whole: if the last row of no crop was quite
    white, white would be clipped everywhere. With [0, 1] exactly, the byte n is n / 255
    in the input and in the output, and saturation clips the restored image. The last
    two operators of the float32 model must be those that clip.
    """
    (graph,) = model.subgraphs
    below, above = graph.operators[-2:]
    images = {*graph.inputs, below.inputs[0], below.outputs[0], above.outputs[0]}
    for operator in graph.operators:
        kind, taken = operator_code(model, operator), set(operator.inputs)
        is_cut = kind in _CUTS and taken & images
        is_joined = kind == _Operator.CONCATENATION and taken <= images
        if is_cut or is_joined:
            images |= set(operator.outputs)
    return dict.fromkeys(images, (0.0, 1.0))


def repair_zero_ranges(model: Model) -> bool:
    """Gives the convolutions of an int8 model scales that XNNPACK accepts, in place.

    The squeezing convolution of a channel attention ends in a ReLU. Where it gives
    nothing but zeros on all calibration images, its measured range is empty and the
    converter writes a scale near 0. LiteRT's default delegate (XNNPACK) then refuses
    the whole file, because it takes convolutions whose input scale x weight scale /
    output scale is below 256. Any scale represents the zeros exactly, so the output
    gets the range of one full input times one full weight.

    Returns:
        Whether a scale was changed.
    """
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
            if product / scales[2][0] < _XNNPACK_LIMIT:
                continue
            output.quantization.scale = np.array([product * _INT8_MAX], np.float32)
            changed = True
            for taken, kernel, *bias, _ in convolutions:
                if taken is output and bias:
                    _rescale(model, bias[0], _scale(output) * _scale(kernel))
    return changed


def _scale(tensor: Any) -> Any:
    quantization = tensor.quantization
    return None if quantization is None else quantization.scale


def _rescale(model: Model, bias: Any, scale: np.ndarray) -> None:
    """Changes the step of a bias, which is input scale x weight scale."""
    buffer = model.buffers[bias.buffer]
    values = np.frombuffer(bytes(buffer.data), np.int32) * _scale(bias)
    if np.any(values):
        buffer.data = np.rint(values / scale).astype(np.int32).view(np.uint8)
    bias.quantization.scale = np.float32(scale)
