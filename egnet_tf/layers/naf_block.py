"""The block of NAFNet, without nonlinear activations."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from egnet_tf.layers.pooling import GlobalPool


@keras.saving.register_keras_serializable(package="egnet_tf")
class NAFBlock(keras.layers.Layer):
    """Two residual branches, whose products of channels take the place of activations.

    From Chen et al., "Simple Baselines for Image Restoration", ECCV 2022, figure 3c:

        y = x + beta * C3(a * C_a(mean(a))),  a = SG(D(C1(LN(x))))
        z = y + gamma * C5(SG(C4(LN(y)))),

    where D is a 3x3 depthwise convolution, all C are 1x1 convolutions with biases, LN
    normalises the channels of each pixel, and SG multiplies the first half of the
    channels by the second. C1 and C4 double the channels. beta and gamma, a scale for
    each channel, start at 0: a new block returns its input.

    Args:
        filters: channels in and out.
        recompute: see `ResidualChannelAttention`.

    Call: (B, H, W, filters) -> (B, H, W, filters).
    """

    def __init__(self, filters: int, recompute: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.recompute = recompute
        layers, options = keras.layers, {"dtype": self.dtype_policy}
        self.norm1 = layers.LayerNormalization(epsilon=1e-6, name="norm1", **options)
        self.conv1 = layers.Conv2D(2 * filters, 1, name="conv1", **options)
        self.conv2 = layers.DepthwiseConv2D(3, padding="same", name="conv2", **options)
        self.pool = GlobalPool(name="pool", dtype=self.dtype_policy)
        self.attention = layers.Conv2D(filters, 1, name="attention", **options)
        self.conv3 = layers.Conv2D(filters, 1, name="conv3", **options)
        self.norm2 = layers.LayerNormalization(epsilon=1e-6, name="norm2", **options)
        self.conv4 = layers.Conv2D(2 * filters, 1, name="conv4", **options)
        self.conv5 = layers.Conv2D(filters, 1, name="conv5", **options)

    def build(self, input_shape: Any) -> None:
        features = (None, None, None, self.filters)
        for layer in (self.norm1, self.conv1, self.attention, self.conv3):
            layer.build(features)
        self.conv2.build((None, None, None, 2 * self.filters))
        for layer in (self.norm2, self.conv4, self.conv5):
            layer.build(features)
        self.beta = self._scale("beta")
        self.gamma = self._scale("gamma")
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        block = tf.recompute_grad(self._block) if self.recompute else self._block
        return block(x)

    def _block(self, x: tf.Tensor) -> tf.Tensor:
        y = _gate(self.conv2(self.conv1(self.norm1(x))))
        y = x + _scaled(self.beta, self.conv3(y * self.attention(self.pool(y))))
        z = self.conv5(_gate(self.conv4(self.norm2(y))))
        return y + _scaled(self.gamma, z)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape)

    def _scale(self, name: str) -> Any:
        return self.add_weight(shape=(self.filters,), initializer="zeros", name=name)


def _scaled(scale: Any, x: tf.Tensor) -> tf.Tensor:
    return tf.cast(scale, x.dtype) * x


def _gate(x: tf.Tensor) -> tf.Tensor:
    first, second = tf.split(x, 2, axis=-1)
    return first * second
