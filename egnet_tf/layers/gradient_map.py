"""The gradient map of the paper, Eq. 15, for the network and the loss alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

# A quarter of one 8-bit level: a Laplacian that is nowhere stronger is rounding noise,
# not an edge, and must not be amplified to full scale.
EPSILON = 1e-3

KNEE = 0.05
"""The Laplacian that `fixed` maps to 1/2: 13 of 255 levels."""


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


def by_max(x: tf.Tensor) -> tf.Tensor:
    """G as |x| / max |x| of each image, in [0, 1)."""
    magnitude = tf.abs(x)
    return magnitude / (tf.reduce_max(magnitude, _IMAGE, keepdims=True) + EPSILON)


def by_minmax(x: tf.Tensor) -> tf.Tensor:
    """G as (x - min x) / (max x - min x) of each image, in [0, 1).

    A Laplacian of 0 becomes about 1/2, unless the image is flat.
    """
    lowest = tf.reduce_min(x, _IMAGE, keepdims=True)
    highest = tf.reduce_max(x, _IMAGE, keepdims=True)
    return (x - lowest) / (highest - lowest + EPSILON)


def by_deviation(x: tf.Tensor) -> tf.Tensor:
    """G as x over the standard deviation of each image; signed, not bounded."""
    variance = tf.math.reduce_variance(x, _IMAGE, keepdims=True)
    return x / tf.sqrt(variance + EPSILON**2)


def by_constant(x: tf.Tensor) -> tf.Tensor:
    """G as |x| / (|x| + 0.05), in [0, 1): the same for any part of an image."""
    magnitude = tf.abs(x)
    return magnitude / (magnitude + KNEE)


_IMAGE = (1, 2, 3)

NORMALISERS: Mapping[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "max": by_max,
    "minmax": by_minmax,
    "deviation": by_deviation,
    "fixed": by_constant,
}
"""The readings of G in Eq. 15, which the paper only calls a normalisation.

The first three take their statistics over all positions and channels of one image,
never over the batch. The map of a crop then differs from the crop of the map, which
it does not with "fixed" (but for the two pixels along the crop's borders). A flat
image gives a constant map with finite gradients.
"""


def gradient_map(image: tf.Tensor, normalise: str = "fixed") -> tf.Tensor:
    """Eq. 15: G(F(Ave(I))) * G(F(I)), (B, H, W, C) in [0, 1] -> the same shape.

    G is one of `NORMALISERS`; the map lies in [0, 1), with "deviation" anywhere.

    The first factor weights the second: a Laplacian that does not survive the mean
    filter was noise. So does an ideal step between two pixels not survive it (the
    mean turns it into a ramp, whose Laplacian is zero there); edges in photographs,
    which spread over two pixels or more, do.
    """
    g = NORMALISERS[normalise]
    return g(laplacian(mean_filter(image))) * g(laplacian(image))


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
    """`gradient_map` as a layer, (B, H, W, C) in [0, 1] -> (B, H, W, C).

    Always computed in float32: bfloat16 is too coarse for the small differences
    between neighbours.

    Args:
        normalise: a name in `NORMALISERS`.
    """

    def __init__(self, normalise: str = "fixed", **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.normalise = normalise

    def call(self, image: tf.Tensor) -> tf.Tensor:
        return gradient_map(tf.cast(image, tf.float32), self.normalise)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "normalise": self.normalise}

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape)
