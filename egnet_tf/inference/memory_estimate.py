"""Estimates the memory of a forward pass from its graph.

TensorFlow reports its allocator's peak on GPUs only, and the resident memory of a
process depends on what ran before. The graph is accurate enough on every machine:
execute its operations in order, let each allocate its outputs, and free a tensor after
its last use. The estimate is the largest sum of live tensors, times a factor for what
execution takes beyond it. Weights are not counted.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_PROBE = 128
"""Side of the image for which the graph is followed: large enough that the tensors
that grow with the image outweigh the others."""

_OVERHEAD = 2.5
"""For operations that run side by side, copies in the layout of the convolution
kernels, and loops (position attention), whose body the graph does not show. Measured as
the growth of resident memory when the image is doubled, on 2 cores, over the sum of
live tensors: 2.1 to 2.7 for egnet, 2.1 to 2.4 for egnet_tiny."""

_SAME_BUFFER = {"Identity", "IdentityN", "Reshape", "Squeeze", "ExpandDims"}
_IN_PLACE = {"Add", "AddV2", "BiasAdd", "Maximum", "Minimum", "Mul", "Relu", "Sub"}
_WEIGHTS = {"Const", "Placeholder", "ReadVariableOp", "VarHandleOp"}


def bytes_per_pixel(function: Any) -> float:
    """Returns the peak memory of a forward pass, in bytes for each pixel.

    The concrete function takes one (B, H, W, 3) image of any size.
    """
    graph = tf.Graph()
    with graph.as_default():
        image = tf.compat.v1.placeholder(tf.float32, (1, _PROBE, _PROBE, 3))
        given = len(tf.nest.flatten(function.structured_input_signature))
        known = {tensor.name: image for tensor in function.inputs[:given]}
        # A GraphDef does not keep the shapes of the weights.
        for op in function.graph.get_operations():
            if op.type == "ReadVariableOp":
                weight = op.outputs[0]
                known[weight.name] = tf.compat.v1.placeholder(
                    weight.dtype, weight.shape
                )
        # When the graph is imported, all sizes follow from the image's; no Python of
        # the network runs again.
        tf.graph_util.import_graph_def(
            function.graph.as_graph_def(), input_map=known, name=""
        )
    return _OVERHEAD * peak_bytes(graph) / _PROBE**2


def peak_bytes(graph: tf.Graph) -> int:
    """Returns the largest sum of the bytes of live tensors."""
    operations = graph.get_operations()
    buffers: dict[str, str] = {}  # tensor -> the tensor whose memory it uses
    last_use: dict[str, int] = {}
    for step, op in enumerate(operations):
        sources = [buffers[tensor.name] for tensor in op.inputs]
        for output, tensor in enumerate(op.outputs):
            if op.type in _WEIGHTS:
                buffers[tensor.name] = ""  # Not counted.
            elif op.type in _SAME_BUFFER:
                buffers[tensor.name] = sources[output]
            else:
                buffers[tensor.name] = tensor.name
        for name in sources:
            last_use[name] = step
    ends: dict[int, list[str]] = {}
    for name, step in last_use.items():
        ends.setdefault(step, []).append(name)

    sizes: dict[str, int] = {}
    live = peak = 0
    for step, op in enumerate(operations):
        dying = sum(sizes.get(name, 0) for name in ends.get(step, []))
        for tensor in op.outputs:
            if buffers[tensor.name] == tensor.name:
                sizes[tensor.name] = _bytes(tensor)
                live += sizes[tensor.name]
        # An element-wise operation writes over an input that is not used after it.
        reused = 0
        if op.type in _IN_PLACE and dying:
            reused = min(dying, sum(sizes.get(t.name, 0) for t in op.outputs))
        peak = max(peak, live - reused)
        live -= dying
    return peak


def _bytes(tensor: tf.Tensor) -> int:
    elements = tensor.shape.num_elements()
    return (elements or 0) * tensor.dtype.size
