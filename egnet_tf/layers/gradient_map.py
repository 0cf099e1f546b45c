"""The gradient map of the paper, Eq. 15, for the network and the loss alike."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

# A quarter of one 8-bit level: a Laplacian that is nowhere stronger is rounding noise,
# not an edge, and must not be amplified to full scale.
EPSILON = 1e-3


def mean_filter(x: tf.Tensor) -> tf.Tensor:
    """Ave of Eq. 15: the mean of 3 x 3 pixels of (B, H, W, C), borders repeated."""
    for axis in (1, 2):
        # (x[i-1] + x[i] + x[i+1]) / 3 = x[i] + (x[i+1] - 2 x[i] + x[i-1]) / 3
        x = x + _second_difference(x, axis) / 3
    return x


def laplacian(x: tf.Tensor) -> tf.Tensor:
    """F of Eq. 15 for (B, H, W, C), borders repeated.

    x(up) + x(down) + x(left) + x(right) - 4 x.
    """
    return _second_difference(x, axis=1) + _second_difference(x, axis=2)


def normalise(x: tf.Tensor) -> tf.Tensor:
    """G of Eq. 15: |x| / max |x| of each image, in [0, 1).

    The maximum is over all positions and channels of one image, never over the
    batch. A flat image gives zeros with finite gradients.
    """
    magnitude = tf.abs(x)
    strongest = tf.reduce_max(magnitude, axis=[1, 2, 3], keepdims=True)
    return magnitude / (strongest + EPSILON)


def gradient_map(image: tf.Tensor) -> tf.Tensor:
    """Eq. 15: G(F(Ave(I))) * G(F(I)), (B, H, W, C) in [0, 1] -> the same in [0, 1).

    The first factor weights the second: a Laplacian that does not survive the mean
    filter was noise. So does an ideal step between two pixels not survive it (the
    mean turns it into a ramp, whose Laplacian is zero there); edges in photographs,
    which spread over two pixels or more, do.
    """
    return normalise(laplacian(mean_filter(image))) * normalise(laplacian(image))


def _second_difference(x: tf.Tensor, axis: int) -> tf.Tensor:
    """x[i+1] - 2 x[i] + x[i-1] along rows (1) or columns (2), borders repeated.

    On a CPU this is twice as fast as a depthwise convolution, whose vector units three
    channels do not fill. Differences instead of a sum of several neighbours: with a
    sum, runs that were killed and resumed did not end with the same bits, probably
    because TensorFlow reorders chains of additions.
    """
    # Borders by concatenation: GPU delegates do not support MIRROR_PAD.
    if axis == 1:
        x = tf.concat([x[:, :1], x, x[:, -1:]], axis)
        x = x[:, 1:] - x[:, :-1]
        return x[:, 1:] - x[:, :-1]
    x = tf.concat([x[:, :, :1], x, x[:, :, -1:]], axis)
    x = x[:, :, 1:] - x[:, :, :-1]
    return x[:, :, 1:] - x[:, :, :-1]


@keras.saving.register_keras_serializable(package="egnet_tf")
class GradientMap(keras.layers.Layer):
    """`gradient_map` as a layer: (B, H, W, C) in [0, 1] -> (B, H, W, C) in [0, 1).

    Always computed in float32: bfloat16 is too coarse for the small differences
    between neighbours.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, image: tf.Tensor) -> tf.Tensor:
        return gradient_map(tf.cast(image, tf.float32))

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape)
