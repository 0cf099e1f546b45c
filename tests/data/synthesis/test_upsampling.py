import cv2
import numpy as np
import pytest

from egnet_tf.data.synthesis.upsampling import enlarged_window, random_resize
from helpers import random_image


def test_upsampling_factors_are_log_uniform():
    rng = np.random.default_rng(0)
    factors = np.array([random_resize(rng, 0.8, 3.0) for _ in range(4000)])
    assert factors.min() >= 0.8
    assert factors.max() <= 3.0
    shares, _ = np.histogram(np.log(factors), bins=4, range=np.log([0.8, 3.0]))
    np.testing.assert_allclose(shares / 4000, 0.25, atol=0.03)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_upsampling_preserves_the_shape_of_a_wave(factor):
    """A wave of 24 pixels becomes one of 24 factor pixels, wherever the window is."""
    columns = np.arange(400)
    wave = 127.5 + 100 * np.sin(2 * np.pi * columns / 24)
    photo = np.repeat(np.rint(wave).astype(np.uint8)[None, :, None], 300, 0)
    photo = np.repeat(photo, 3, 2)
    received = enlarged_window(photo, 120, factor, np.random.default_rng(1))
    assert received.shape == (120, 120, 3)
    spectrum = np.abs(np.fft.rfft(received[60, :, 0] - received[60, :, 0].mean()))
    assert spectrum.argmax() == pytest.approx(120 / (24 * factor), abs=1)


def test_upsampled_images_are_softer():
    photo = random_image((200, 200, 3), seed=2)

    def edges(factor):
        image = enlarged_window(photo, 96, factor, np.random.default_rng(3))
        return np.abs(cv2.Laplacian(image, cv2.CV_32F)).mean()

    assert edges(3.0) < 0.3 * edges(1.0)


def test_photograph_smaller_than_the_window_is_mirrored():
    photo = random_image((20, 30, 3), seed=4)
    received = enlarged_window(photo, 64, 1.0, np.random.default_rng(5))
    expected = np.pad(photo, ((0, 44), (0, 34), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(received, expected)
