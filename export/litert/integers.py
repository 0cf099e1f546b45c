"""A float32 model turned into one of 8-bit integers alone, for NPUs.

NPUs run integers, and every operator that stays in float32 sends the work back to the
CPU and again to the NPU. TensorFlow's converter left 12 convolutions, 3 splits and 2
sums of `egnet_mobile` in float32 although nothing excluded them, and litert-quantizer
has no rule for 4 of the network's operators (docs/experiments/int8_full.md). So this is
the specification itself (ai.google.dev/edge/litert/conversion/tensorflow/quantization/
quantization_spec), for the operators that `_RULES` names: a value is
scale * (integer - zero point), with one scale a tensor, but for weights, which have one
a filter and no zero point.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from egnet_tf.errors import InputError

from .inspect import Model, is_convolution, operator_code, operator_name
from .ranges import image_ranges, repair_zero_ranges
from .rounding import patch_moments, round_for

_Operator = schema.BuiltinOperator
_Type = schema.TensorType

_OF_ONE_SCALE = frozenset(
    {
        _Operator.AVERAGE_POOL_2D,
        _Operator.CONCATENATION,
        _Operator.DEPTH_TO_SPACE,
        _Operator.MAXIMUM,
        _Operator.MINIMUM,
        _Operator.REDUCE_MAX,
        _Operator.RESHAPE,
        _Operator.RESIZE_BILINEAR,
        _Operator.SPLIT,
        _Operator.STRIDED_SLICE,
    }
)
"""Operators that select, move or average: inputs and outputs share a scale."""

_FIXED = {_Operator.LOGISTIC: (1 / 256, -128), _Operator.SOFTMAX: (1 / 256, -128)}
"""Operators whose output has the scale and zero point of the specification."""

_OF_ANY_SCALE = frozenset(
    {
        _Operator.ABS,
        _Operator.ADD,
        _Operator.BATCH_MATMUL,
        _Operator.CONV_2D,
        _Operator.DIV,
        _Operator.MEAN,
        _Operator.MUL,
        _Operator.RELU,
        _Operator.SUB,
    }
)
_RULES = _OF_ONE_SCALE | _OF_ANY_SCALE | _FIXED.keys()

# The first versions that take int8; of the others it is the first or that of float32.
_VERSIONS = dict.fromkeys(_RULES, 2) | {
    _Operator.CONV_2D: 3,
    _Operator.DIV: 1,
    _Operator.RESHAPE: 1,
}


def to_integers(
    model: Model,
    ranges: Mapping[int, tuple[float, float]],
    crops: Sequence[np.ndarray],
) -> None:
    """Replaces float32 by 8-bit integers in the whole model, in place.

    Its input and output become uint8. Its last two operators must be those that clip
    the image to [0, 1]; they go, because bytes saturate.

    Args:
        model: float32, with one input and one output.
        ranges: (minimum, maximum) of every operator's output, by index.
        crops: uint8 images (tile, tile, 3), such as those that the ranges are of.

    Raises:
        InputError: it has an operator without a rule here.
    """
    (graph,) = model.subgraphs
    for operator in graph.operators:
        if operator_code(model, operator) not in _RULES:
            name = operator_name(model, operator)
            raise InputError(
                "Expected a network whose operators have a rule for 8-bit integers "
                f"(export/litert/integers.py). Received: {name}"
            )
    images = image_ranges(model)
    ranges = {**ranges, **images, **_constant_ranges(model)}
    (restored,) = graph.outputs
    *graph.operators, below, _ = graph.operators
    _keep_divisors_above_zero(model, ranges)
    _quantize_activations(model, ranges)
    _quantize_convolutions(model, images.keys(), crops)
    for code in model.operatorCodes:
        builtin = code.builtinCode
        code.version = max(code.version, _VERSIONS.get(builtin, 1))
    repair_zero_ranges(model)
    _take_and_give_bytes(model, int(below.inputs[0]), int(restored))
    _drop_unused(model)


def _constants(model: Model) -> Iterator[int]:
    """Indices of the float32 constants but weights and biases."""
    (graph,) = model.subgraphs
    for operator in graph.operators:
        taken = operator.inputs[:1] if is_convolution(model, operator) else None
        for index in operator.inputs if taken is None else taken:
            if _is_float(graph, index) and _data(model, index) is not None:
                yield int(index)


def _constant_ranges(model: Model) -> dict[int, tuple[float, float]]:
    values = {index: _data(model, index) for index in _constants(model)}
    return {
        index: (min(float(v.min()), 0.0), max(float(v.max()), 0.0))
        for index, v in values.items()
    }


def _keep_divisors_above_zero(
    model: Model, ranges: dict[int, tuple[float, float]]
) -> None:
    """Raises the constant of a divisor x + constant to one step of the divisor.

    The gradient map divides by a maximum plus a small constant, which keeps a flat
    image from a division by zero in float32. Rounded to bytes it would be zero.
    """
    (graph,) = model.subgraphs
    makers = {int(o.outputs[0]): o for o in graph.operators}
    for operator in list(graph.operators):
        if operator_code(model, operator) != _Operator.DIV:
            continue
        divisor = int(operator.inputs[1])
        low, high = ranges[divisor]
        step = (high - low) / 255
        for position, index in enumerate(makers[divisor].inputs):
            constant = _data(model, index)
            if constant is None or constant.min() >= step:
                continue
            raised = np.maximum(constant, np.float32(step))
            # A tensor of its own: the other divisor, which shares it, has other steps.
            own = _add_tensor(model, copy.copy(graph.tensors[index]), raised)
            inputs = np.array(makers[divisor].inputs)
            inputs[position] = own
            makers[divisor].inputs = inputs
            ranges[own] = (0.0, float(raised.max()))


def _quantize_activations(
    model: Model, ranges: Mapping[int, tuple[float, float]]
) -> None:
    (graph,) = model.subgraphs
    group = _groups(model)
    fixed = {
        group[int(operator.outputs[0])]: _FIXED[code]
        for operator in graph.operators
        if (code := operator_code(model, operator)) in _FIXED
    }
    limits: dict[int, tuple[float, float]] = {}
    for index, one in group.items():
        low, high = ranges[index]
        lowest, highest = limits.get(one, (0.0, 0.0))
        limits[one] = min(low, lowest), max(high, highest)
    for index, one in group.items():
        scale, zero = fixed.get(one) or _scale_and_zero(*limits[one])
        values = _data(model, index)
        tensor = graph.tensors[index]
        tensor.type = _Type.INT8
        tensor.quantization = _parameters([scale], [zero])
        if values is not None:
            integers = np.clip(np.rint(values / scale) + zero, -128, 127)
            _set_data(model, tensor, integers.astype(np.int8))


def _groups(model: Model) -> dict[int, int]:
    """Maps each activation and constant to the first of those that share its scale."""
    (graph,) = model.subgraphs
    first: dict[int, int] = {}

    def find(index: int) -> int:
        while first.setdefault(index, index) != index:
            index = first[index]
        return index

    for index in (*graph.inputs, *_constants(model)):
        find(int(index))
    for operator in graph.operators:
        outputs = [int(i) for i in operator.outputs]
        for index in outputs:
            find(index)
        if operator_code(model, operator) in _OF_ONE_SCALE:
            given = [int(i) for i in operator.inputs if _is_float(graph, i)]
            for index in (*given, *outputs):
                first[find(index)] = find(given[0])
    return {index: find(index) for index in first}


def _scale_and_zero(low: float, high: float) -> tuple[float, int]:
    # What is always zero may have any scale but 0.
    scale = float(np.float32((high - low) / 255)) or 1e-9
    return scale, int(np.clip(np.rint(-128 - low / scale), -128, 127))


def _quantize_convolutions(
    model: Model, images: Collection[int], crops: Sequence[np.ndarray]
) -> None:
    (graph,) = model.subgraphs
    missing: dict[int, Any] = {}  # What rounding takes from the mean of each filter.
    moments = functools.cache(functools.partial(patch_moments, crops))
    for operator in filter(lambda o: is_convolution(model, o), graph.operators):
        image, kernel, *bias = (int(i) for i in operator.inputs)
        weights = graph.tensors[kernel]
        if weights.type == _Type.FLOAT32:  # Patches share their weights.
            values = _data(model, kernel).reshape(weights.shape)
            largest = np.abs(values).max(axis=(1, 2, 3))
            scales = np.where(largest > 0, largest, largest.max() or 1.0) / 127
            scales = scales.astype(np.float32)
            flat, missing[kernel] = values.reshape(len(values), -1), 0.0
            integers = np.rint(flat / scales[:, None]).astype(np.int8)
            if image in images:
                options = operator.builtinOptions
                size = int(values.shape[1]), int(values.shape[2])
                mean, covariance = moments(size, (options.strideH, options.strideW))
                integers = round_for(flat, scales, covariance)
                missing[kernel] = (flat - integers * scales[:, None]) @ mean
            weights.type = _Type.INT8
            weights.quantization = _parameters(scales, np.zeros(len(scales)))
            _set_data(model, weights, integers)
        if bias and bias[0] >= 0:
            scales = (
                graph.tensors[image].quantization.scale[0] * weights.quantization.scale
            )
            tensor = copy.copy(graph.tensors[bias[0]])
            tensor.type = _Type.INT32
            tensor.quantization = _parameters(scales, np.zeros(len(scales)))
            limits = np.iinfo(np.int32)
            values = _data(model, bias[0]) + missing[kernel]
            integers = np.rint(values / scales.astype(np.float64))
            integers = np.clip(integers, limits.min, limits.max).astype(np.int32)
            # A tensor of its own: its steps are those of this convolution's input.
            own = _add_tensor(model, tensor, integers)
            operator.inputs = np.array([image, kernel, own], np.int32)


def _take_and_give_bytes(model: Model, summed: int, restored: int) -> None:
    """Puts the conversions between uint8 and int8 at both ends."""
    (graph,) = model.subgraphs
    code = len(model.operatorCodes)
    model.operatorCodes.append(
        schema.OperatorCodeT(
            deprecatedBuiltinCode=_Operator.QUANTIZE,
            builtinCode=_Operator.QUANTIZE,
            version=1,
        )
    )

    def convert(given: int, made: int) -> Any:
        return schema.OperatorT(
            opcodeIndex=code,
            inputs=np.array([given], np.int32),
            outputs=np.array([made], np.int32),
        )

    (image,) = (int(i) for i in graph.inputs)
    inside = copy.copy(graph.tensors[image])
    inside.name = b"image_int8"
    graph.tensors.append(inside)
    own = len(graph.tensors) - 1
    for operator in graph.operators:
        inputs = np.array(operator.inputs, np.int32)
        operator.inputs = np.where(inputs == image, own, inputs).astype(np.int32)
    for index, scale in ((image, inside), (restored, graph.tensors[summed])):
        tensor = graph.tensors[index]
        tensor.type = _Type.UINT8
        tensor.quantization = _parameters(
            scale.quantization.scale, scale.quantization.zeroPoint + 128
        )
    graph.operators = [
        convert(image, own),
        *graph.operators,
        convert(summed, restored),
    ]


def _drop_unused(model: Model) -> None:
    """Removes the tensors and the data that no operator takes or gives."""
    (graph,) = model.subgraphs
    used = {
        int(index)
        for operator in graph.operators
        for index in (*operator.inputs, *operator.outputs)
        if index >= 0
    }
    kept = sorted(used)
    new = {old: index for index, old in enumerate(kept)} | {-1: -1}
    graph.tensors = [graph.tensors[index] for index in kept]

    def renamed(indices: Any) -> np.ndarray:
        return np.array([new[int(index)] for index in indices], np.int32)

    for operator in graph.operators:
        operator.inputs = renamed(operator.inputs)
        operator.outputs = renamed(operator.outputs)
    graph.inputs, graph.outputs = renamed(graph.inputs), renamed(graph.outputs)
    for signature in model.signatureDefs:
        for entry in (*signature.inputs, *signature.outputs):
            entry.tensorIndex = new[entry.tensorIndex]
    held = {tensor.buffer for tensor in graph.tensors}
    held |= {entry.buffer for entry in model.metadata or ()}
    for index, buffer in enumerate(model.buffers):
        if index not in held:
            buffer.data = None


def _is_float(graph: Any, index: int) -> bool:
    return index >= 0 and graph.tensors[index].type == _Type.FLOAT32


def _data(model: Model, index: int) -> Any:
    """The float32 values of a constant, flat; None for anything else."""
    (graph,) = model.subgraphs
    tensor = graph.tensors[index]
    data = model.buffers[tensor.buffer].data
    if data is None or tensor.type != _Type.FLOAT32:
        return None
    return np.frombuffer(bytes(data), np.float32)


def _set_data(model: Model, tensor: Any, values: np.ndarray) -> None:
    tensor.buffer = len(model.buffers)
    model.buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))


def _add_tensor(model: Model, tensor: Any, values: np.ndarray) -> int:
    (graph,) = model.subgraphs
    _set_data(model, tensor, values)
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _parameters(scales: Any, zeros: Any) -> Any:
    return schema.QuantizationParametersT(
        scale=np.asarray(scales, np.float32), zeroPoint=np.asarray(zeros, np.int64)
    )
