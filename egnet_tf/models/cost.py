"""What a network costs: its multiply-adds, read off its graph."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

from egnet_tf.layers import PositionAttention


def multiply_adds(model: keras.Model, height: int, width: int) -> int:
    """Multiply-adds of one forward pass on one image.

    Counted are convolutions (plain, depthwise, transposed) and matrix products, with
    the border they pad: what papers call MACs, half of their FLOPs. Additions,
    activations, pooling and resampling are not counted. The network is traced, never
    run.

    Args:
        model: of one or more images (B, H, W, C).
        height: of the images in pixels.
        width: of the images in pixels.

    Raises:
        ValueError: the graph holds an operation that cannot be counted.
    """
    images = tf.nest.map_structure(
        lambda image: tf.TensorSpec((1, height, width, image.shape[-1])),
        model.input,
    )
    run = tf.function(lambda images: model(images), autograph=False)
    with _attention_at_once(model):
        function = run.get_concrete_function(images)
    return sum(_count(op) for op in function.graph.get_operations())


@contextlib.contextmanager
def _attention_at_once(model: keras.Model) -> Iterator[None]:
    """Takes the loop out of position attention: a graph does not tell how long it runs.

    The products are the same in blocks of queries and all at once.
    """
    layers = [x for x in _layers(model) if isinstance(x, PositionAttention)]
    blocks = [layer.block for layer in layers]
    try:
        for layer in layers:
            layer.block = None
        yield
    finally:
        for layer, block in zip(layers, blocks, strict=True):
            layer.block = block


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _count(op: tf.Operation) -> int:
    if op.type == "Conv2D":
        (y,), (_, kernel) = op.outputs, op.inputs
        return _size(y) * _size(kernel) // kernel.shape[-1]
    if op.type == "DepthwiseConv2dNative":
        (y,), (_, kernel) = op.outputs, op.inputs
        return _size(y) * kernel.shape[0] * kernel.shape[1]
    if op.type == "Conv2DBackpropInput":  # a transposed convolution
        _, kernel, x = op.inputs
        return _size(x) * _size(kernel) // kernel.shape[-1]
    if op.type in ("MatMul", "BatchMatMulV2"):
        (y,), (x, _) = op.outputs, op.inputs
        transposed = op.get_attr("transpose_a" if op.type == "MatMul" else "adj_x")
        return _size(y) * x.shape[-2 if transposed else -1]
    calls = any(value.HasField("func") for value in op.node_def.attr.values())
    if calls or op.type == "Einsum":
        raise ValueError(f"Expected operations with one size. Received: {op.type}")
    return 0


def _size(tensor: tf.Tensor) -> int:
    size = tensor.shape.num_elements()
    if size is None:
        raise ValueError(
            f"Expected a static shape of {tensor.name}. Received: {tensor}"
        )
    return size
