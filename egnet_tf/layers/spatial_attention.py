"""The paper's residual spatial attention (RSA) module, Eq. 4."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="egnet_tf")
class ResidualSpatialAttention(keras.layers.Layer):
    """x + y * sigmoid(C3(Cat(mean(y), maximum(y)))) with y = C2(ReLU(C1(x))).

    Mean and maximum run over the channels of each pixel, as in CBAM (Woo et al., ECCV
    2018), which the paper cites.

    Args:
        filters: channels in and out.
        kernel_size: of C3; 7 as in CBAM, since the paper does not give it.
        recompute: see `ResidualChannelAttention`.

    Call: (B, H, W, filters) -> (B, H, W, filters).
    """

    def __init__(
        self, filters: int, kernel_size: int = 7, recompute: bool = False, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.recompute = recompute
        conv = keras.layers.Conv2D
        options = {"padding": "same", "use_bias": False, "dtype": self.dtype_policy}
        self.conv1 = conv(filters, 3, name="conv1", **options)
        self.conv2 = conv(filters, 3, name="conv2", **options)
        self.conv3 = conv(1, kernel_size, name="conv3", **options)

    def build(self, input_shape: Any) -> None:
        self.conv1.build((None, None, None, self.filters))
        self.conv2.build((None, None, None, self.filters))
        self.conv3.build((None, None, None, 2))
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        block = tf.recompute_grad(self._block) if self.recompute else self._block
        return block(x)

    def _block(self, x: tf.Tensor) -> tf.Tensor:
        y = self.conv2(tf.nn.relu(self.conv1(x)))
        mean = tf.reduce_mean(y, axis=-1, keepdims=True)
        maximum = tf.reduce_max(y, axis=-1, keepdims=True)
        return x + y * tf.nn.sigmoid(self.conv3(tf.concat([mean, maximum], axis=-1)))

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "recompute": self.recompute,
        }
