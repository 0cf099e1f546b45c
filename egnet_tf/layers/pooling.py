"""The average over all positions, or over a window around each (TLC)."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

import keras
import tensorflow as tf

# (height, width) of the window as fractions of the image, while a network is
# called inside `local_pooling`. A context and not a property of the layers: the
# window belongs to one call on one image, the layers to a model.
_window_fraction: contextvars.ContextVar[tf.Tensor | None] = contextvars.ContextVar(
    "window_fraction", default=None
)


@contextlib.contextmanager
def local_pooling(window: int, image: tf.Tensor) -> Iterator[None]:
    """Every `GlobalPool` called inside averages over a window around each position.

    A network trained on crops and run on whole images sees other statistics in
    its global pools than it was trained on. The Test-time Local Converter (Chu et
    al., ECCV 2022) replaces the mean over the image by the mean over a window of
    about the training size around each position. With a window not smaller than
    the image nothing changes.

    Args:
        window: side of the window in pixels of the image; the source uses 1.5 x
            the training crop.
        image: (B, H, W, C), what the network is called on.
    """
    size = tf.cast(tf.shape(image)[1:3], tf.float32)
    token = _window_fraction.set(tf.minimum(1.0, window / size))
    try:
        yield
    finally:
        _window_fraction.reset(token)


@keras.saving.register_keras_serializable(package="egnet_tf")
class GlobalPool(keras.layers.Layer):
    """Global average pooling; over windows inside `local_pooling`.

    Call: (B, H, W, C) -> (B, 1, 1, C), or (B, H, W, C) inside `local_pooling`.
    """

    def call(self, x):
        fraction = _window_fraction.get()
        if fraction is None:
            return tf.reduce_mean(x, axis=[1, 2], keepdims=True)
        size = tf.cast(tf.shape(x)[1:3], tf.float32)
        window = tf.cast(tf.maximum(tf.round(fraction * size), 1), tf.int32)
        return windowed_mean(x, window[0], window[1])

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1, 1, input_shape[-1])


def windowed_mean(x: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Mean of every full height x width window, the outermost repeated to the borders.

    Running sums, so that the cost does not depend on the window. The mean of the
    image is taken off before summing: float32 sums of a signed remainder stay
    accurate where sums over a large offset would not.

    Args:
        x: (B, H, W, C).
        height: rows of a window, 1 to H.
        width: columns of a window, 1 to W.

    Returns:
        (B, H, W, C), in the dtype of `x`.
    """
    values = tf.cast(x, tf.float32)
    centre = tf.reduce_mean(values, axis=[1, 2], keepdims=True)
    mean = _running_mean(values - centre, axis=1, window=height)
    mean = _running_mean(mean, axis=2, window=width)
    return tf.cast(mean + centre, x.dtype)


def _running_mean(x: tf.Tensor, axis: int, window: int) -> tf.Tensor:
    length = tf.shape(x)[axis]
    sums = tf.pad(tf.cumsum(x, axis=axis), [[int(a == axis), 0] for a in range(4)])
    starts = tf.range(length - window + 1)
    means = tf.gather(sums, starts + window, axis=axis)
    means = (means - tf.gather(sums, starts, axis=axis)) / tf.cast(window, x.dtype)
    # The window of position i starts at i - (window - 1) // 2 where that fits.
    nearest = tf.range(length) - (window - 1) // 2
    return tf.gather(means, tf.clip_by_value(nearest, 0, length - window), axis=axis)
