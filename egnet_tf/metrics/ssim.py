"""SSIM of an RGB image taken as a volume, as MATLAB's `ssim` computes it.

Given an (H, W, 3) array, MATLAB's `ssim` does not treat the channels separately: it
filters with an 11 x 11 x 11 Gaussian over height, width and channel. The published
GoPro and HIDE values are of this kind; they are higher than those of a per-channel
SSIM.
"""

from __future__ import annotations

import numpy as np

from egnet_tf.metrics.psnr import require_comparable

_RADIUS = 5
_SIGMA = 1.5
_C1 = (0.01 * 255.0) ** 2
_C2 = (0.03 * 255.0) ** 2


def gaussian_taps() -> np.ndarray:
    """The 11 taps of the Gaussian window, float64, sum 1."""
    offsets = np.arange(-_RADIUS, _RADIUS + 1)
    taps = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    return taps / taps.sum()


def channel_mix(channels: int = 3) -> np.ndarray:
    """The third axis of the 3-D Gaussian as a matrix.

    With three channels and a replicated border, the eleven taps along the channel axis
    see only three different values, so filtering that axis is a small product:
    filtered = image @ mix.T.

    Returns:
        float64 (channels, channels); row c holds the weights of the input channels in
        output channel c and sums to 1.
    """
    mix = np.zeros((channels, channels))
    for channel in range(channels):
        for offset, tap in enumerate(gaussian_taps(), start=-_RADIUS):
            mix[channel, np.clip(channel + offset, 0, channels - 1)] += tap
    return mix


def gaussian_volume(volume: np.ndarray) -> np.ndarray:
    """Filters float64 (H, W, 3) with the 11 x 11 x 11 Gaussian, border replicated."""
    import cv2  # Of the extra `train`.

    taps = gaussian_taps()
    filtered = cv2.sepFilter2D(
        volume, cv2.CV_64F, taps, taps, borderType=cv2.BORDER_REPLICATE
    )
    return filtered @ channel_mix().T


def ssim_volume(restored: np.ndarray, sharp: np.ndarray) -> float:
    """SSIM of two uint8 (H, W, 3) images as volumes; the mean of the full map.

    Per voxel, with Gaussian-weighted means m, variances v and covariance c:

        (2 m_r m_s + C1) (2 c + C2) / ((m_r^2 + m_s^2 + C1) (v_r + v_s + C2))

    with C1 = (0.01 * 255)^2 and C2 = (0.03 * 255)^2 (Wang et al. 2004, equation 13, as
    MATLAB's `ssim(restored, sharp)` computes it for uint8 arrays).

    Returns:
        At most 1, which identical images reach.

    Raises:
        InputError: the images cannot be compared.
    """
    require_comparable(restored, sharp)
    r = restored.astype(np.float64)
    s = sharp.astype(np.float64)
    mean_r, mean_s = gaussian_volume(r), gaussian_volume(s)
    variances = gaussian_volume(r * r) + gaussian_volume(s * s) - mean_r**2 - mean_s**2
    covariance = gaussian_volume(r * s) - mean_r * mean_s
    numerator = (2 * mean_r * mean_s + _C1) * (2 * covariance + _C2)
    denominator = (mean_r**2 + mean_s**2 + _C1) * (variances + _C2)
    return float(np.mean(numerator / denominator))
