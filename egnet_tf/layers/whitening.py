"""The strided stem of small networks, which starts as a whitening transform.

Images are badly conditioned inputs: in squares of 4 x 4 pixels, the standard deviation
of the mean is three hundred times that of the finest detail, and blur affects the
detail. The measurements, and what training gains, are in
docs/experiments/mobile_network.md.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

_GREY = 0.5
# Opponent colours: lightness, red against blue, green against magenta.
_OPPONENTS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]])
# Standard deviations of the 4 x 4 discrete cosine transform at frequency 0 for each
# opponent colour, rounded: photographs under camera shake had 1.49, 0.51 and 0.29,
# other datasets 0.99 to 1.73, 0.24 to 0.83 and 0.15 to 0.30. Noise adds to all.
_DEVIATIONS = np.array([1.5, 0.5, 0.3])
_NOISE = 0.005


def whitening_convolution(
    filters: int, stride: int, **kwargs: Any
) -> keras.layers.Layer:
    """A convolution of stride x stride pixels, image -> features of unit variance.

    Initially, channel k is one of the 3 stride^2 coefficients of the discrete cosine
    transform (DCT-II, orthonormal) of opponent colours, the strongest first, divided by
    its standard deviation on blurry photographs,

        sigma(u, v, c) = a_c stride / 4 / (1 + 24 f)^2 + noise,
        f = sqrt(u^2 + v^2) / (2 stride) cycles per pixel,

    and a bias subtracts mid-grey. Channels beyond the coefficients repeat them with
    the opposite sign. Kernel and bias are trained like any others.

    Args:
        filters: channels of the features.
        stride: pixels of the image per position of the features, along each side.
        **kwargs: for the Keras layer.
    """
    kernel = _whitening_kernel(stride)[..., np.arange(filters) % (3 * stride**2)]
    kernel[..., 3 * stride**2 :] *= -1
    initializer: Any = keras.initializers.Constant
    return keras.layers.Conv2D(
        filters,
        stride,
        strides=stride,
        kernel_initializer=initializer(kernel),
        bias_initializer=initializer(-_GREY * kernel.sum(axis=(0, 1, 2))),
        **kwargs,
    )


def _whitening_kernel(size: int) -> np.ndarray:
    """(size, size, 3, 3 size^2), the strongest coefficient first."""
    frequency = np.arange(size)
    waves = np.cos(np.pi / size * np.outer(frequency, np.arange(size) + 0.5))
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    colours = _OPPONENTS / np.linalg.norm(_OPPONENTS, axis=1, keepdims=True)
    kernel = np.einsum("ui,vj,cd->ijduvc", waves, waves, colours)

    cycles = np.hypot.outer(frequency, frequency)[..., None] / (2 * size)
    sigma = _DEVIATIONS * size / 4 / (1 + 24 * cycles) ** 2 + _NOISE
    strongest = np.argsort(-sigma, axis=None, kind="stable")
    kernel = (kernel / sigma).reshape(size, size, 3, -1)[..., strongest]
    return kernel.astype(np.float32)
