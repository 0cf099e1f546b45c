"""PyTorch's initial weights for the convolutions of a new network."""

from __future__ import annotations

import math
from typing import Any, cast

import keras
import tensorflow as tf

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)


def use_pytorch_spread(network: keras.Model) -> None:
    """Gives a new network's convolutions the initial weights of PyTorch's.

    Keras draws kernels from U(-l, l) with l = sqrt(6 / (fan_in + fan_out)) (Glorot)
    and starts biases at 0; `torch.nn.Conv2d` draws both from U(-1/sqrt(fan_in),
    1/sqrt(fan_in)). The kernels are scaled from one to the other, in place. Layers
    with another initialiser (zeros, whitening stems) stay as they are.
    """
    for layer in network._flatten_layers(include_self=False):
        if not isinstance(layer, _CONVOLUTIONS) or not isinstance(
            layer.kernel_initializer, keras.initializers.GlorotUniform
        ):
            continue
        kernel, bias = cast("tuple[Any, Any]", (layer.kernel, layer.bias))
        height, width, *channels = kernel.shape
        # PyTorch counts a transposed convolution's inputs by its output channels,
        # which Keras' kernel holds at the same place as a convolution's inputs.
        fan_in, fan_out = (height * width * count for count in channels)
        limit = 1 / math.sqrt(fan_in)
        kernel.assign(kernel * limit * math.sqrt((fan_in + fan_out) / 6))
        if layer.use_bias:
            bias.assign(tf.random.uniform(bias.shape, -limit, limit))
