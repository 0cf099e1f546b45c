import math

import cv2
import numpy as np
import pytest
import skimage
from scipy import ndimage

from egnet_tf.errors import InputError
from egnet_tf.metrics import PROTOCOLS, psnr
from egnet_tf.metrics.ssim import ssim_volume


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    sharp = ndimage.gaussian_filter(rng.uniform(0, 255, (48, 40, 3)), (2, 2, 0))
    sharp = (255 * (sharp - sharp.min()) / np.ptp(sharp)).astype(np.uint8)
    noisy = np.clip(sharp + rng.normal(0, 12, sharp.shape), 0, 255).astype(np.uint8)
    return noisy, sharp


def test_plain_protocol_is_ssim_per_channel_without_its_border(images):
    restored, sharp = (image.astype(np.float64) for image in images)

    def blur(image):
        return ndimage.gaussian_filter(image, (1.5, 1.5, 0), truncate=3.5)

    mean_r, mean_s = blur(restored), blur(sharp)
    covariance = blur(restored * sharp) - mean_r * mean_s
    variances = blur(restored**2) - mean_r**2 + blur(sharp**2) - mean_s**2
    c1, c2 = 2.55**2, 7.65**2
    similarity = (2 * mean_r * mean_s + c1) * (2 * covariance + c2)
    similarity /= (mean_r**2 + mean_s**2 + c1) * (variances + c2)

    score = PROTOCOLS["plain"].score(*images)
    assert score.ssim == pytest.approx(similarity[5:-5, 5:-5].mean(), abs=1e-9)
    assert score.psnr == pytest.approx(psnr(*images), rel=1e-12)


def test_gopro_protocol_is_psnr_and_the_ssim_of_the_volume(images):
    score = PROTOCOLS["gopro"].score(*images)
    assert (score.psnr, score.ssim) == (psnr(*images), ssim_volume(*images))


@pytest.mark.parametrize("name", ["plain", "gopro"])
def test_protocols_score_identical_images_perfectly(images, name):
    score = PROTOCOLS[name].score(images[1], images[1])
    assert score.psnr == math.inf
    assert score.ssim == pytest.approx(1)
    assert not score.failure


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_images_of_different_sizes_are_refused(images, name):
    with pytest.raises(InputError, match="Received: "):
        PROTOCOLS[name].score(images[0][:-1], images[1])


def test_plain_protocol_refuses_images_below_its_window():
    tiny = np.zeros((40, 10, 3), np.uint8)
    with pytest.raises(InputError, match="Received: 40 x 10"):
        PROTOCOLS["plain"].score(tiny, tiny)


def test_protocol_descriptions_name_library_versions():
    description = PROTOCOLS["realblur"].description
    assert f"cv2 {cv2.__version__}" in description
    assert f"skimage {skimage.__version__}" in description
    assert f"numpy {np.__version__}" in PROTOCOLS["gopro"].description
