"""Weights rounded so that a convolution of an image changes least.

A whitening stem (`egnet_tf.layers.whitening`) tells detail from brightness by weights
of up to 27 whose sums are near 0. Each rounded to the nearest step, they do not cancel:
brightness leaks into detail, whose signal-to-noise ratio falls to 19 to 21 dB. Rounded
one after the other, each making up for the errors of those before it, the same steps
give 38 to 40 dB (docs/experiments/int8_full.md). The method is that of Frantar et al.,
"GPTQ", ICLR 2023, on the covariance of image patches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from egnet_tf.images.convert import to_float

_DAMPING = 1e-4
"""Of the covariance's mean variance, so that it can be inverted."""


def patch_moments(
    images: Sequence[np.ndarray], size: tuple[int, int], stride: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The mean (N,) and the covariance (N, N) of what one filter sees of images.

    The images are uint8 (H, W, C), their values here in [0, 1]; N is height x width x C
    of the filter, flat.
    """
    side = int(np.prod(size)) * images[0].shape[2]
    total, products, count = np.zeros(side), np.zeros((side, side)), 0
    for image in images:
        windows = np.lib.stride_tricks.sliding_window_view(
            to_float(image).astype(np.float64), size, axis=(0, 1)
        )[:: stride[0], :: stride[1]]
        patches = windows.transpose(0, 1, 3, 4, 2).reshape(-1, side)
        total += patches.sum(axis=0)
        products += patches.T @ patches
        count += len(patches)
    mean = total / count
    return mean, products / count - np.outer(mean, mean)


def round_for(
    weights: np.ndarray, steps: np.ndarray, covariance: np.ndarray
) -> np.ndarray:
    """Integers q, from -127 to 127, for which steps * q answers inputs like weights.

    Args:
        weights: (filters, N).
        steps: (filters,), the scale of each filter.
        covariance: (N, N) of the inputs.

    Returns:
        (filters, N), int8.
    """
    damping = _DAMPING * np.mean(np.diag(covariance)) * np.eye(len(covariance))
    # Row k of the upper factor: how the inputs after k make up for an error in k.
    factor = np.linalg.cholesky(np.linalg.inv(covariance + damping)).T
    left, steps = weights.astype(np.float64), steps.astype(np.float64)
    integers = np.empty(weights.shape, np.int8)
    for k in range(weights.shape[1]):
        integers[:, k] = np.clip(np.rint(left[:, k] / steps), -127, 127)
        error = (left[:, k] - integers[:, k] * steps) / factor[k, k]
        left[:, k + 1 :] -= np.outer(error, factor[k, k + 1 :])
    return integers
