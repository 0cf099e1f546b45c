"""Resampling by two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="egnet_tf")
class Upsample(keras.layers.Layer):
    """Doubles height and width: "bilinear" with half-pixel centres, or "nearest".

    Equals PyTorch's `align_corners=False`. Under Keras 3.15, a network with
    `keras.layers.UpSampling2D` cannot be exported with unknown height and width.

    Call: (B, H, W, C) -> (B, 2H, 2W, C).
    """

    def __init__(self, method: str = "bilinear", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.method = method

    def call(self, x: tf.Tensor) -> tf.Tensor:
        _, height, width, _ = x.shape
        if height is None or width is None:
            size = 2 * tf.shape(x)[1:3]
        else:
            size = (2 * height, 2 * width)
        return tf.cast(tf.image.resize(x, size, method=self.method), x.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        batch, height, width, channels = input_shape
        return (batch, height and 2 * height, width and 2 * width, channels)


def halving_convolution(
    filters: int, name: str, activation: str | None = None
) -> Callable:
    """3x3 convolution with stride 2 and one row of zeros on every side.

    As PyTorch's `padding=1`. For even sizes Keras' "same" pads only on the right and at
    the bottom, which shifts the result by a pixel.

    Returns:
        A callable (B, H, W, C) -> (B, H / 2, W / 2, filters); H and W even.
    """
    pad = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")
    conv = keras.layers.Conv2D(filters, 3, strides=2, activation=activation, name=name)
    return lambda x: conv(pad(x))


def doubling_convolution(
    filters: int, name: str, activation: str | None = None
) -> keras.layers.Layer:
    """4x4 transposed convolution with stride 2, one pixel cropped on every side.

    As PyTorch's `padding=1`, which is what Keras' "same" does at this size and stride.

    Returns:
        A layer (B, H, W, C) -> (B, 2H, 2W, filters).
    """
    return keras.layers.Conv2DTranspose(
        filters, 4, strides=2, padding="same", activation=activation, name=name
    )
