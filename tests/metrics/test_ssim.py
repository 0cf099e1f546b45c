import numpy as np
import pytest
from scipy import ndimage
from scipy.signal.windows import gaussian
from skimage import data
from skimage.metrics import structural_similarity

from egnet_tf.metrics.ssim import (
    channel_mix,
    gaussian_taps,
    gaussian_volume,
    ssim_volume,
)
from helpers import random_image


def window_3d():
    taps = gaussian(11, std=1.5)
    window = taps[:, None, None] * taps[None, :, None] * taps[None, None, :]
    return window / window.sum()


def direct_ssim(restored, sharp):
    """MATLAB's ssim of two volumes, by full 3-D convolutions."""

    def blur(volume):
        return ndimage.convolve(volume, window_3d(), mode="nearest")

    r, s = restored.astype(np.float64), sharp.astype(np.float64)
    mean_r, mean_s = blur(r), blur(s)
    variance_r, variance_s = blur(r**2) - mean_r**2, blur(s**2) - mean_s**2
    covariance = blur(r * s) - mean_r * mean_s
    c1, c2 = 2.55**2, 7.65**2
    luminance = (2 * mean_r * mean_s + c1) / (mean_r**2 + mean_s**2 + c1)
    structure = (2 * covariance + c2) / (variance_r + variance_s + c2)
    return np.mean(luminance * structure)


# Smaller than the window too: the border is replicated.
@pytest.mark.parametrize("size", [(24, 17), (3, 40)])
def test_volume_ssim_equals_direct_3d_convolution(size):
    rng = np.random.default_rng(1)
    sharp = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    noise = rng.normal(0, 30, sharp.shape)
    restored = np.clip(sharp + noise, 0, 255).astype(np.uint8)
    expected = direct_ssim(restored, sharp)
    assert 0.3 < expected < 0.98
    assert ssim_volume(restored, sharp) == pytest.approx(expected, abs=1e-12)


def test_volume_filter_equals_direct_3d_convolution():
    volume = np.random.default_rng(2).uniform(0, 255, (14, 19, 3))
    expected = ndimage.convolve(volume, window_3d(), mode="nearest")
    np.testing.assert_allclose(gaussian_volume(volume), expected, atol=1e-11)


def test_channel_mix_equals_filtering_with_a_replicated_border():
    channels = np.random.default_rng(3).uniform(size=3)
    expected = ndimage.correlate1d(channels, gaussian_taps(), mode="nearest")
    np.testing.assert_allclose(channel_mix() @ channels, expected, atol=1e-15)


def test_volume_ssim_exceeds_ssim_per_channel_on_a_photograph():
    # Why a number without its protocol says nothing: the same images, 0.04 apart.
    sharp = data.astronaut()
    restored = ndimage.gaussian_filter(sharp, (1, 1, 0))
    per_channel = structural_similarity(
        sharp,
        restored,
        gaussian_weights=True,
        use_sample_covariance=False,
        channel_axis=-1,
    )
    assert ssim_volume(restored, sharp) > per_channel + 0.02


def test_ssim_of_identical_images_is_one():
    image = random_image((16, 16, 3), seed=4)
    assert ssim_volume(image, image) == 1
