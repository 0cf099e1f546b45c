"""Whether the newest TensorFlow Serving reads a SavedModel.

TensorFlow Serving follows TensorFlow at a distance of months: its newest release is
2.20, while TensorFlow is at 2.21. A server of 2.20 reads what a later TensorFlow wrote
as long as it knows every operator and attribute in it, and the graph does not ask for
a later reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf import saved_model_pb2

from egnet_tf.errors import InputError

SERVING = "2.20"
"""The newest release of TensorFlow Serving (November 2026)."""

GRAPH_VERSION = 2288
"""`tf.version.GRAPH_DEF_VERSION` of TensorFlow 2.20."""

NEW_OPERATORS = frozenset({"DecodeJxl", "_CopyFromGpuToHost", "_CopyFromHostToGpu"})
NEW_ATTRIBUTES = frozenset({("TensorListGetItem", "Tshape")})
"""What TensorFlow 2.21 registers and 2.20 does not: their lists of operators
(`TF_GetAllOpList`), compared. Attributes at their default are not saved."""


def check_served(folder: Path) -> None:
    """Checks that TensorFlow Serving 2.20 reads a SavedModel.

    Raises:
        InputError: it uses what 2.20 does not know; the message names it.
    """
    content = (folder / "saved_model.pb").read_bytes()
    saved = saved_model_pb2.SavedModel.FromString(content)
    for graph in (part.graph_def for part in saved.meta_graphs):
        unknown = sorted(set(_unknown(graph)))
        if graph.versions.min_consumer > GRAPH_VERSION:
            unknown.append(f"graphs of version {graph.versions.min_consumer}")
        if unknown:
            raise InputError(
                f"Expected a SavedModel that TensorFlow Serving {SERVING} reads; it "
                f"was written by a later TensorFlow. Received: {', '.join(unknown)}"
            )


def _unknown(graph: Any) -> Iterator[str]:
    nodes = list(graph.node)
    for function in graph.library.function:
        nodes += function.node_def
    for node in nodes:
        if node.op in NEW_OPERATORS:
            yield node.op
        for name in node.attr:
            if (node.op, name) in NEW_ATTRIBUTES:
                yield f"{node.op}.{name}"
