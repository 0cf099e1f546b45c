"""Global average pooling, over the whole image or a window around each pixel (TLC)."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

# (height, width) of the window as fractions of the image, while a network is called
# inside `local_pooling`. A context rather than a property of the layers: the window
# belongs to one call on one image, the layers to a model.
_window_fraction: contextvars.ContextVar[tf.Tensor | None] = contextvars.ContextVar(
    "window_fraction", default=None
)


_staged: contextvars.ContextVar[bool] = contextvars.ContextVar("staged", default=False)

_STAGE = 8
"""Side of a first stage's windows: 64 values of a float16, up to 1023 each, have a sum
below its largest, 65504."""


@contextlib.contextmanager
def staged_pooling() -> Iterator[None]:
    """Makes every `GlobalPool` called inside average windows first, then the windows.

    The mean is the same. But the sum of 64 x 64 features overflows in float16, in which
    GPUs of phones compute. Sizes must be known when the network is called.
    """
    token = _staged.set(True)
    try:
        yield
    finally:
        _staged.reset(token)


@contextlib.contextmanager
def local_pooling(window: int, image: tf.Tensor) -> Iterator[None]:
    """Makes every `GlobalPool` called inside average over windows.

    The global pools of a network that was trained on crops see other statistics on
    whole images. The Test-time Local Converter (Chu et al., ECCV 2022) replaces the
    mean over the image by the mean over a window of about the training size around
    each position. A window at least as large as the image changes nothing.

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
    """Global average pooling, or over windows inside `local_pooling`.

    Call: (B, H, W, C) -> (B, 1, 1, C), or (B, H, W, C) inside `local_pooling`.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        fraction = _window_fraction.get()
        if fraction is None:
            while _staged.get() and all(
                side is not None and side > _STAGE and side % _STAGE == 0
                for side in x.shape[1:3]
            ):
                x = tf.nn.avg_pool2d(x, _STAGE, _STAGE, "VALID")
            return tf.reduce_mean(x, axis=[1, 2], keepdims=True)
        size = tf.cast(tf.shape(x)[1:3], tf.float32)
        window = tf.cast(tf.maximum(tf.round(fraction * size), 1), tf.int32)
        return windowed_mean(x, window[0], window[1])

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (input_shape[0], 1, 1, input_shape[-1])


def windowed_mean(
    x: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor
) -> tf.Tensor:
    """Mean over the window around each position; at borders the nearest full window.

    Running sums make the cost independent of the window. The mean of the image is
    subtracted first, because float32 sums over a large offset would lose accuracy.

    Args:
        x: (B, H, W, C), as what is returned.
        height: rows of a window, 1 to H.
        width: columns of a window, 1 to W.
    """
    values = tf.cast(x, tf.float32)
    centre = tf.reduce_mean(values, axis=[1, 2], keepdims=True)
    mean = _running_mean(values - centre, axis=1, window=height)
    mean = _running_mean(mean, axis=2, window=width)
    return tf.cast(mean + centre, x.dtype)


def _running_mean(x: tf.Tensor, axis: int, window: int | tf.Tensor) -> tf.Tensor:
    length = tf.shape(x)[axis]
    sums = tf.pad(tf.cumsum(x, axis=axis), [[int(a == axis), 0] for a in range(4)])
    starts = tf.range(length - window + 1)
    means = tf.gather(sums, starts + window, axis=axis)
    means = (means - tf.gather(sums, starts, axis=axis)) / tf.cast(window, x.dtype)
    # The window of position i starts at i - (window - 1) // 2 where that fits.
    nearest = tf.range(length) - (window - 1) // 2
    return tf.gather(means, tf.clip_by_value(nearest, 0, length - window), axis=axis)
