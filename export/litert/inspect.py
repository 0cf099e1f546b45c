"""The contents of a .tflite file: parsing it, its operators, its tensors' shapes."""

from __future__ import annotations

import collections
from typing import Any, NamedTuple

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

Model = Any
"""A `schema.ModelT`. Its generated annotations are of no use: they take every field
for optional, and know lists where arrays are."""

_NAMES = {
    code: name
    for name, code in vars(schema.BuiltinOperator).items()
    if not name.startswith("_")
}


class Contents(NamedTuple):
    """A summary of a file.

    Attributes:
        operators: how often each occurs, over all subgraphs.
        custom: names of the operators that are not built in (Flex among them).
        largest_rank: the largest number of dimensions of a tensor.
        static: whether all shapes are fixed.
    """

    operators: collections.Counter[str]
    custom: tuple[str, ...]
    largest_rank: int
    static: bool


def parse(content: bytes) -> Model:
    """Reads the content of a .tflite file into objects that can be changed."""
    return flatbuffer_utils.convert_bytearray_to_object(content)


def pack(model: Model) -> bytes:
    """The content of a .tflite file with these objects."""
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def read_contents(content: bytes) -> Contents:
    """Summarises the content of a .tflite file."""
    model = parse(content)
    tensors = [t for graph in model.subgraphs for t in graph.tensors]
    signatures = [t.shapeSignature for t in tensors if t.shapeSignature is not None]
    return Contents(
        collections.Counter(
            operator_name(model, operator)
            for graph in model.subgraphs
            for operator in graph.operators
        ),
        tuple(c.customCode.decode() for c in model.operatorCodes if c.customCode),
        max(len(t.shape) for t in tensors if t.shape is not None),
        all(side >= 0 for signature in signatures for side in signature),
    )


def operator_code(model: Model, operator: Any) -> int:
    """The kind of an operator, a `schema.BuiltinOperator`."""
    code = model.operatorCodes[operator.opcodeIndex]
    return flatbuffer_utils.get_builtin_code_from_operator_code(code)


def operator_name(model: Model, operator: Any) -> str:
    """The kind of an operator, such as "CONV_2D"."""
    return _NAMES[operator_code(model, operator)]


def output_names(model: Model) -> list[str]:
    """The name of each operator's first output, in the order of the operators."""
    (graph,) = model.subgraphs
    return [graph.tensors[o.outputs[0]].name.decode() for o in graph.operators]


def is_convolution(model: Model, operator: Any) -> bool:
    """Whether an operator is CONV_2D, whose inputs are image, weights, maybe bias."""
    return operator_code(model, operator) == schema.BuiltinOperator.CONV_2D
