"""The losses: Eq. 13-17 of the paper, MPRNet's, and PSNR itself.

Every term is a function of (restored, sharp), both float32 (B, H, W, 3), sharp in
[0, 1], and returns one value an image, (B,): the trainer divides their sum by the
global batch, whatever the number of devices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.layers import gradient_map

# Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality
# assessment", 2003, section 3.2: the weights of the five scales, finest first.
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW = 11
_SIGMA = 1.5
_C1, _C2 = 0.01**2, 0.03**2

Term = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def content_loss(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """Eq. 13: the mean squared difference, over positions and colours."""
    return _mean(tf.square(sharp - restored))


def gradient_loss(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """Eq. 14-15: the mean squared difference of the gradient maps."""
    return _mean(tf.square(gradient_map(sharp) - gradient_map(restored)))


def ms_ssim_loss(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """Eq. 16: 1 - MS-SSIM.

    The exponents are those of Wang et al. 2003 (luminance at the coarsest scale
    only). A scale whose image cannot hold the 11 x 11 window is dropped and the
    weights of the others are scaled to their old sum; an image below 11 pixels
    cannot be scored.
    """
    scales = ms_ssim_scales(min(restored.shape[1:3]))
    total = sum(MS_SSIM_WEIGHTS) / sum(MS_SSIM_WEIGHTS[:scales])
    weights = [weight * total for weight in MS_SSIM_WEIGHTS[:scales]]
    similarity = 1.0
    for scale, weight in enumerate(weights):
        if scale:
            restored, sharp = _halved(restored), _halved(sharp)
        luminance, structure = _similarity(restored, sharp)
        if scale == scales - 1:
            structure *= luminance
        mean = tf.reduce_mean(structure, axis=[1, 2])
        # A negative structure has no real power; at 0 the gradient is infinite.
        similarity *= tf.pow(tf.maximum(mean, 1e-4), weight)
    return 1.0 - tf.reduce_mean(similarity, axis=-1)


def ms_ssim_scales(size: int) -> int:
    """How many of the five scales an image of that shorter side can hold."""
    if size < _WINDOW:
        raise InputError(
            "Expected a larger --crop, or --loss=mprnet: MS-SSIM needs images of "
            f"at least {_WINDOW} pixels. Received: {size}"
        )
    return min(len(MS_SSIM_WEIGHTS), int(math.log2(size / _WINDOW)) + 1)


def psnr_loss(restored: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
    """10 log10(1 + MSE / 1e-3): by how many dB PSNR falls short of 30, softly.

    Every blurry image counts alike, however blurry it was; Chen et al., "Simple
    Baselines for Image Restoration", 2022, train by PSNR too. Images that are sharp
    already count little: their small errors would otherwise make most of the gradient,
    and little is to be won there (docs/mobile.md has the measurement).
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


LOSSES: Mapping[str, Mapping[str, tuple[float, Term]]] = {
    # Eq. 17: alpha, beta, gamma.
    "egnet": {
        "content": (1.0, content_loss),
        "gradient": (0.05, gradient_loss),
        "ms_ssim": (0.1, ms_ssim_loss),
    },
    "mprnet": {
        "charbonnier": (1.0, charbonnier_loss),
        "edge": (0.05, edge_loss),
    },
    "psnr": {
        "psnr_loss": (0.01, psnr_loss),
    },
}


def stage_losses(
    stages: Mapping[str, tf.Tensor],
    sharp: tf.Tensor,
    terms: Mapping[str, tuple[float, Term]],
) -> dict[str, tf.Tensor]:
    """Eq. 17: each term summed over the stages, and their weighted sum.

    A stage smaller than the sharp image is compared with that image resized to
    it: bilinear without a low-pass filter, as MIMO-UNet's own training does.

    Args:
        stages: restored images by stage.
        sharp: (B, H, W, 3), what each stage is compared with.
        terms: (weight, term) by name, e.g. one of `LOSSES`.

    Returns:
        The unweighted terms by name and "loss", each (B,).
    """
    compared = [(x, _resized(sharp, x.shape[1:3])) for x in stages.values()]
    values = {
        name: tf.add_n([term(restored, target) for restored, target in compared])
        for name, (_, term) in terms.items()
    }
    weighted = [weight * values[name] for name, (weight, _) in terms.items()]
    return {"loss": tf.add_n(weighted), **values}


def _mean(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(x, axis=[1, 2, 3])


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

    As two products with a banded matrix: many times faster on a CPU than a
    depthwise convolution with so few channels, and its gradient too.
    """
    _, height, width, channels = x.shape
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
    """An image minus its Gaussian pyramid's coarser level brought back to size."""
    blurred = _gaussian5(x)
    # Every second pixel kept times 4, zeros between: the pyramid's expansion.
    rows = tf.cast(tf.range(tf.shape(x)[1]) % 2 == 0, x.dtype)
    columns = tf.cast(tf.range(tf.shape(x)[2]) % 2 == 0, x.dtype)
    kept = 4 * blurred * rows[:, None, None] * columns[:, None]
    return x - _gaussian5(kept)


def _gaussian5(x: tf.Tensor) -> tf.Tensor:
    taps = tf.constant([0.05, 0.25, 0.4, 0.25, 0.05])
    kernel = tf.tile((taps[:, None] * taps)[..., None, None], [1, 1, x.shape[-1], 1])
    # The border pixel twice more on every side; tf.pad has no such mode.
    x = tf.concat([x[:, :1]] * 2 + [x] + [x[:, -1:]] * 2, axis=1)
    x = tf.concat([x[:, :, :1]] * 2 + [x] + [x[:, :, -1:]] * 2, axis=2)
    return tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "VALID")
