"""What is inside a .tflite file: its operators and the shapes of its tensors."""

from __future__ import annotations

import collections
from typing import NamedTuple

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

_ON_GPU = (
    "ABS ADD ADD_N AVERAGE_POOL_2D BATCH_MATMUL CAST CONCATENATION CONV_2D "
    "COS CUMSUM DENSIFY DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV ELU "
    "EQUAL EXP FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GELU GREATER "
    "GREATER_EQUAL HARD_SWISH LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND "
    "LOGISTIC LSTM MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG "
    "NOT_EQUAL ONE_HOT PACK PAD PADV2 POW PRELU QUANTIZE REDUCE_MAX "
    "REDUCE_MIN REDUCE_PROD RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 RESHAPE "
    "RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SELECT SELECT_V2 SIGN SIN "
    "SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE "
    "SQUARED_DIFFERENCE STRIDED_SLICE SUB SUM TANH TILE TRANSPOSE "
    "TRANSPOSE_CONV UNPACK "
)
GPU_DELEGATE = frozenset(_ON_GPU.split())
"""Operators for which the GPU delegate has a parser: the cases of
`NewOperationParser` in tflite/delegates/gpu/common/model_builder.cc of
google-ai-edge/LiteRT at 34ec5bad. It looks at shapes too: tensors of at most four
dimensions, static."""

_NAMES = {
    code: name
    for name, code in vars(schema.BuiltinOperator).items()
    if not name.startswith("_")
}


class Contents(NamedTuple):
    """What a file holds.

    Attributes:
        operators: how many there are of each, over all subgraphs.
        custom: names of operators that are not built in (Flex among them).
        largest_rank: of any tensor.
        static: whether all shapes are fixed.
    """

    operators: collections.Counter[str]
    custom: tuple[str, ...]
    largest_rank: int
    static: bool

    @property
    def not_on_gpu(self) -> tuple[str, ...]:
        """The operators that the GPU delegate leaves to the CPU."""
        return tuple(sorted(set(self.operators) - GPU_DELEGATE))


def read_contents(file: bytes) -> Contents:
    """Reads the content of a .tflite file."""
    model = flatbuffer_utils.convert_bytearray_to_object(file)
    codes = [
        flatbuffer_utils.get_builtin_code_from_operator_code(code)
        for code in model.operatorCodes
    ]
    tensors = [t for graph in model.subgraphs for t in graph.tensors]
    signatures = [t.shapeSignature for t in tensors if t.shapeSignature is not None]
    return Contents(
        collections.Counter(
            _NAMES[codes[operator.opcodeIndex]]
            for graph in model.subgraphs
            for operator in graph.operators
        ),
        tuple(c.customCode.decode() for c in model.operatorCodes if c.customCode),
        max(len(t.shape) for t in tensors if t.shape is not None),
        all(side >= 0 for signature in signatures for side in signature),
    )


def operator_outputs(file: bytes) -> list[str]:
    """The names of what the operators of a .tflite file give, in their order."""
    model = flatbuffer_utils.convert_bytearray_to_object(file)
    (graph,) = model.subgraphs
    return [graph.tensors[o.outputs[0]].name.decode() for o in graph.operators]


def is_convolution(model: schema.ModelT, operator: schema.OperatorT) -> bool:
    """Whether an operator of a file is CONV_2D: image, weights and maybe bias."""
    code = model.operatorCodes[operator.opcodeIndex]
    return flatbuffer_utils.get_builtin_code_from_operator_code(code) == (
        schema.BuiltinOperator.CONV_2D
    )
