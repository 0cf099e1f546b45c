"""The plain residual block of DMPHN and MIMO-UNet."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="egnet_tf")
class ResidualBlock(keras.layers.Layer):
    """x + C2(ReLU(C1(x))), two 3x3 convolutions with biases.

    Args:
        filters: channels in and out.
        recompute: see `ResidualChannelAttention`.

    Call: (B, H, W, filters) -> (B, H, W, filters).
    """

    def __init__(self, filters: int, recompute: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.recompute = recompute
        conv = keras.layers.Conv2D
        options = {"padding": "same", "dtype": self.dtype_policy}
        self.conv1 = conv(filters, 3, name="conv1", **options)
        self.conv2 = conv(filters, 3, name="conv2", **options)

    def build(self, input_shape: Any) -> None:
        self.conv1.build((None, None, None, self.filters))
        self.conv2.build((None, None, None, self.filters))
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        block = tf.recompute_grad(self._block) if self.recompute else self._block
        return block(x)

    def _block(self, x: tf.Tensor) -> tf.Tensor:
        return x + self.conv2(tf.nn.relu(self.conv1(x)))

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape)
