import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from egnet_tf.errors import InputError
from egnet_tf.metrics import psnr
from helpers import random_image


def test_psnr_agrees_with_scikit_image():
    restored, sharp = random_image((2, 13, 9, 3))
    expected = peak_signal_noise_ratio(sharp, restored, data_range=255)
    assert psnr(restored, sharp) == pytest.approx(expected, rel=1e-12)


def test_psnr_of_the_largest_difference_is_zero_in_either_order():
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr(black, black + 255) == 0
    assert psnr(black + 255, black) == 0


def test_psnr_of_identical_images_is_infinite():
    image = random_image((13, 9, 3))
    assert psnr(image, image) == math.inf


@pytest.mark.parametrize(
    ("restored", "sharp"),
    [
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)),
        (np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 3), np.float32)),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)),
        (np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)),
        (np.zeros((0, 4, 3), np.uint8), np.zeros((0, 4, 3), np.uint8)),
    ],
)
def test_psnr_refuses_incomparable_images(restored, sharp):
    with pytest.raises(InputError, match="Received: "):
        psnr(restored, sharp)
