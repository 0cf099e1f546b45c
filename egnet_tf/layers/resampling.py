"""Resampling by two."""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="egnet_tf")
class Upsample(keras.layers.Layer):
    """Doubles height and width: bilinear with half-pixel centres, or nearest.

    Equals PyTorch's `align_corners=False`. `keras.layers.UpSampling2D` cannot be
    exported with unknown height and width under Keras 3.15.

    Args:
        method: "bilinear" or "nearest".

    Call: (B, H, W, C) -> (B, 2H, 2W, C).
    """

    def __init__(self, method: str = "bilinear", **kwargs):
        super().__init__(**kwargs)
        self.method = method

    def call(self, x):
        size = 2 * tf.shape(x)[1:3] if None in x.shape[1:3] else _doubled(x)
        return tf.cast(tf.image.resize(x, size, method=self.method), x.dtype)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, height and 2 * height, width and 2 * width, channels)

    def get_config(self):
        return {**super().get_config(), "method": self.method}


def _doubled(x: tf.Tensor) -> list[int]:
    return [2 * side for side in x.shape[1:3]]
