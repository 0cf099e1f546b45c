"""The multiply-adds of a network, read off its graph."""

from __future__ import annotations

import math

import keras
import tensorflow as tf


def multiply_adds(model: keras.Model, height: int, width: int) -> int:
    """Multiply-adds of one forward pass on one image, or one image for each input.

    Convolutions (plain, depthwise, transposed) and matrix products are counted, padded
    borders included: what papers call MACs, half of their FLOPs. Additions,
    activations, pooling and resampling are not. The network is traced, never run. A
    graph does not tell how often a loop runs: build networks with
    `attention_block=None`.

    Raises:
        ValueError: the graph holds an operation that cannot be counted.
    """
    images = tf.nest.map_structure(
        lambda image: tf.TensorSpec((1, height, width, image.shape[-1])),
        model.input,
    )
    run = tf.function(lambda images: model(images), autograph=False)
    function = run.get_concrete_function(images)
    return sum(_count(op) for op in function.graph.get_operations())


def _count(op: tf.Operation) -> int:
    if op.type == "Conv2D":
        (y,), (_, kernel) = op.outputs, op.inputs
        return math.prod(_shape(y) + _shape(kernel)[:-1])
    if op.type == "DepthwiseConv2dNative":
        (y,), (_, kernel) = op.outputs, op.inputs
        return math.prod(_shape(y) + _shape(kernel)[:2])
    if op.type == "Conv2DBackpropInput":  # a transposed convolution
        _, kernel, x = op.inputs
        return math.prod(_shape(x) + _shape(kernel)[:-1])
    if op.type in ("MatMul", "BatchMatMulV2"):
        (y,), (x, _) = op.outputs, op.inputs
        transposed = op.get_attr("transpose_a" if op.type == "MatMul" else "adj_x")
        return math.prod(_shape(y)) * _shape(x)[-2 if transposed else -1]
    calls = any(value.HasField("func") for value in op.node_def.attr.values())
    if calls or op.type == "Einsum":
        raise ValueError(
            f"Expected operations that run once (attention_block=None). "
            f"Received: {op.type}"
        )
    return 0


def _shape(tensor: tf.Tensor) -> list[int]:
    sizes = [size for size in tensor.shape if size is not None]
    if len(sizes) != len(tensor.shape):
        raise ValueError(
            f"Expected a static shape of {tensor.name}. Received: {tensor.shape}"
        )
    return sizes
