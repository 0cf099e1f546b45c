"""The losses: Eq. 13-17 of the paper, MPRNet's, and PSNR itself.

Every term is a function of (restored, sharp), both float32 (B, H, W, 3), sharp in
[0, 1], and returns one value per image, (B,): training divides their sum by the
global batch size, whatever the number of devices.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.layers import gradient_map
from egnet_tf.loss_weights import LOSSES, Loss

# Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality
# assessment", 2003, section 3.2: the weights of the five scales, finest first.
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW = 11
_SIGMA = 1.5
_C1, _C2 = 0.01**2, 0.03**2

Term = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def content_loss(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """Eq. 13: the mean squared difference over positions and colours."""
    return _mean(tf.square(sharp - restored))


def gradient_loss(
    restored: tf.Tensor, sharp: tf.Tensor, normalise: str = "fixed"
) -> tf.Tensor:
    """Eq. 14-15: the mean squared difference of the gradient maps.

    `normalise` is G of Eq. 15, see `egnet_tf.layers.NORMALISERS`.
    """
    maps = gradient_map(sharp, normalise), gradient_map(restored, normalise)
    return _mean(tf.square(maps[0] - maps[1]))


def ms_ssim_loss(
    restored: tf.Tensor, sharp: tf.Tensor, luminance: str = "wang"
) -> tf.Tensor:
    """Eq. 16: 1 - MS-SSIM.

    The exponents are those of Wang et al. 2003, who compare luminance at the coarsest
    scale only; Eq. 16 as printed does so at every scale, with `luminance`
    "all_scales". A scale too small for the 11 x 11 window is dropped and the exponents
    of the others are scaled to their old sum.

    Raises:
        InputError: the images themselves are smaller than the window.
    """
    height, width, _ = _size(restored)
    scales = ms_ssim_scales(min(height, width))
    total = sum(MS_SSIM_WEIGHTS) / sum(MS_SSIM_WEIGHTS[:scales])
    weights = [weight * total for weight in MS_SSIM_WEIGHTS[:scales]]
    similarity = 1.0
    for scale, weight in enumerate(weights):
        if scale:
            restored, sharp = _halved(restored), _halved(sharp)
        bright, structure = _similarity(restored, sharp)
        if scale == scales - 1 or luminance == "all_scales":
            structure *= bright
        mean = tf.reduce_mean(structure, axis=[1, 2])
        # A negative structure has no real power; at 0 the gradient is infinite.
        similarity *= tf.pow(tf.maximum(mean, 1e-4), weight)
    return 1.0 - tf.reduce_mean(similarity, axis=-1)


def ms_ssim_scales(size: int) -> int:
    """How many of the five scales fit an image of that shorter side.

    Raises:
        InputError: none.
    """
    if size < _WINDOW:
        raise InputError(
            f"Expected images of at least {_WINDOW} pixels per side, for MS-SSIM (a "
            f"larger --crop, or --loss=mprnet). Received: {size}"
        )
    return min(len(MS_SSIM_WEIGHTS), int(math.log2(size / _WINDOW)) + 1)


def psnr_loss(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """10 log10(1 + MSE / 1e-3): by how many dB PSNR falls short of 30, softly.

    Every blurry image counts alike, however blurry it is; Chen et al., "Simple
    Baselines for Image Restoration", 2022, also train on PSNR. Images that are already
    sharp count little: their small errors would otherwise dominate the gradient, with
    little to gain (measured in docs/experiments/mobile_network.md).
    """
    mean_squared = _mean(tf.square(sharp - restored))
    return 10 / math.log(10) * tf.math.log1p(mean_squared / 1e-3)


def charbonnier_loss(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """MPRNet's content term: mean of sqrt(d^2 + 1e-3^2)."""
    return _mean(tf.sqrt(tf.square(sharp - restored) + 1e-3**2))


def edge_loss(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """MPRNet's edge term: the Charbonnier difference of Laplacians of Gaussians."""
    return charbonnier_loss(
        _laplacian_of_gaussian(restored), _laplacian_of_gaussian(sharp)
    )


# A new term is a function above, its name here and its weight in `LOSSES`.
TERMS: Mapping[str, Term] = {
    "content": content_loss,
    "gradient": gradient_loss,
    "ms_ssim": ms_ssim_loss,
    "charbonnier": charbonnier_loss,
    "edge": edge_loss,
    "psnr_loss": psnr_loss,
}


def stage_losses(
    stages: Mapping[str, tf.Tensor], sharp: tf.Tensor, loss: Loss
) -> dict[str, tf.Tensor]:
    """Eq. 17: each term summed over the stages, and their weighted sum.

    A stage smaller than the sharp image is compared with that image resized to
    it: bilinear without a low-pass filter, as in MIMO-UNet's own training.

    Args:
        stages: restored images by stage.
        sharp: (B, H, W, 3), what each stage is compared with.
        loss: one of `LOSSES`, or another.

    Returns:
        "loss"; the unweighted terms by name, such as "content", summed over the stages;
        and those of each stage, such as "content/stage1"; each (B,).
    """
    terms = {
        **TERMS,
        "gradient": functools.partial(gradient_loss, normalise=loss.gradient_normalise),
        "ms_ssim": functools.partial(ms_ssim_loss, luminance=loss.ms_ssim),
    }
    compared = [(x, _resized(sharp, x.shape[1:3])) for x in stages.values()]
    values, by_stage, weighted = {}, {}, []
    for name, weight in loss.weights.items():
        parts = [terms[name](restored, target) for restored, target in compared]
        values[name] = tf.add_n(parts)
        weighted.append(weight * values[name])
        by_stage |= {f"{name}/{s}": x for s, x in zip(stages, parts, strict=True)}
    return {"loss": tf.add_n(weighted), **values, **by_stage}


@keras.saving.register_keras_serializable(package="egnet_tf")
class EGNetLoss(keras.losses.Loss):
    """Eq. 17 on one output, for `compile` and `fit` of any Keras model.

    Keras hands over (sharp, restored), float32 (B, H, W, 3) with H and W known, at
    least 11 pixels each for MS-SSIM; the mean over the batch is returned. The weights
    of the terms, by their names in `TERMS`, are alpha, beta and gamma of the paper
    unless others are given.
    """

    def __init__(
        self,
        weights: Mapping[str, float] = LOSSES["egnet"].weights,
        reduction: str = "sum_over_batch_size",
        name: str = "egnet_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(reduction=reduction, name=name, **kwargs)
        unknown = weights.keys() - TERMS.keys()
        if unknown or not weights:
            raise ValueError(
                f"Expected weights of {', '.join(TERMS)}. Received: {dict(weights)}"
            )
        self.weights = dict(weights)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Eq. 17, one value per image: (B,)."""
        return stage_losses({"restored": y_pred}, y_true, Loss(self.weights))["loss"]

    def get_config(self) -> dict[str, Any]:
        """The arguments, for Keras' own files."""
        return {**super().get_config(), "weights": self.weights}


def _mean(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(x, axis=[1, 2, 3])


def _size(images: tf.Tensor) -> tuple[int, int, int]:
    """Height, width and channels of images (B, H, W, C).

    Raises:
        ValueError: the graph does not know them.
    """
    _, height, width, channels = images.shape
    if height is None or width is None or channels is None:
        raise ValueError(
            f"Expected images of known height and width. Received: {images.shape}"
        )
    return height, width, channels


def _resized(x: tf.Tensor, size: tf.TensorShape) -> tf.Tensor:
    return x if x.shape[1:3] == size else tf.image.resize(x, size)


def _halved(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.avg_pool2d(x, 2, 2, "VALID")


def _similarity(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Luminance and contrast-structure maps of SSIM, at full windows only."""
    maps = tf.concat([x, y, x * x + y * y, x * y], axis=-1)
    mean_x, mean_y, squares, product = tf.split(_gaussian(maps), 4, axis=-1)
    both = mean_x * mean_y
    means = tf.square(mean_x) + tf.square(mean_y)
    luminance = (2 * both + _C1) / (means + _C1)
    structure = (2 * (product - both) + _C2) / (squares - means + _C2)
    return luminance, structure


def _gaussian(x: tf.Tensor) -> tf.Tensor:
    """Filters with the 11-tap Gaussian along both axes, without borders.

    As two products with a banded matrix: on a CPU, value and gradient are many times
    faster than a depthwise convolution with so few channels.
    """
    height, width, channels = _size(x)
    rows, columns = _band(height), _band(width)
    x = tf.reshape(x, [-1, height, width * channels])
    x = tf.matmul(rows, x)
    x = tf.reshape(x, [-1, width, channels])
    x = tf.matmul(columns, x)
    return tf.reshape(x, [-1, rows.shape[0], columns.shape[0], channels])


def _band(size: int) -> tf.Tensor:
    """(size - 10, size): row i holds the Gaussian at columns i ... i + 10."""
    taps = [
        math.exp(-((i - _WINDOW // 2) ** 2) / (2 * _SIGMA**2)) for i in range(_WINDOW)
    ]
    taps = [tap / sum(taps) for tap in taps]
    rows = size - _WINDOW + 1
    return tf.constant(
        [[0.0] * i + taps + [0.0] * (rows - 1 - i) for i in range(rows)], tf.float32
    )


def _laplacian_of_gaussian(x: tf.Tensor) -> tf.Tensor:
    """An image minus the coarser level of its Gaussian pyramid, upsampled."""
    blurred = _gaussian5(x)
    # Every second pixel times 4 and zeros between: the pyramid's expansion.
    rows = tf.cast(tf.range(tf.shape(x)[1]) % 2 == 0, x.dtype)
    columns = tf.cast(tf.range(tf.shape(x)[2]) % 2 == 0, x.dtype)
    kept = 4 * blurred * rows[:, None, None] * columns[:, None]
    return x - _gaussian5(kept)


def _gaussian5(x: tf.Tensor) -> tf.Tensor:
    taps = tf.constant([0.05, 0.25, 0.4, 0.25, 0.05])
    kernel = tf.reshape(taps[:, None] * taps, [5, 5, 1, 1])
    kernel = tf.tile(kernel, [1, 1, _size(x)[-1], 1])
    # The border pixel is repeated twice on every side: tf.pad has no such mode.
    x = tf.concat([x[:, :1]] * 2 + [x] + [x[:, -1:]] * 2, axis=1)
    x = tf.concat([x[:, :, :1]] * 2 + [x] + [x[:, :, -1:]] * 2, axis=2)
    return tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "VALID")
