import math

import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage import data

from egnet_tf.errors import InputError
from egnet_tf.metrics import PROTOCOLS, psnr, realblur

SIZE = 160


@pytest.fixture(scope="module")
def sharp():
    photo = data.astronaut()[20 : 20 + SIZE, 150 : 150 + SIZE]
    return np.ascontiguousarray(photo)


def moved(image, homography):
    """The image whose pixel homography(x, y) shows what `image` has at (x, y)."""
    return cv2.warpPerspective(
        image,
        homography,
        image.shape[1::-1],
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )


HOMOGRAPHY = np.array([[1.003, 0.004, 2.3], [-0.003, 0.998, -1.6], [1e-5, -1e-5, 1]])


def test_alignment_undoes_gain_and_homography(sharp):
    restored = moved((sharp * 0.7).astype(np.uint8), HOMOGRAPHY)
    aligned = realblur.align(restored, sharp)

    corners = np.array([[10, 10, 1], [150, 10, 1], [10, 150, 1], [150, 150, 1.0]]).T
    expected, found = HOMOGRAPHY @ corners, aligned.homography @ corners
    np.testing.assert_allclose(found[:2] / found[2], expected[:2] / expected[2], atol=1)

    score = PROTOCOLS["realblur"].score(restored, sharp)
    assert psnr(restored, sharp) < 20
    assert score.psnr > 27
    assert score.ssim > 0.95


def test_alignment_samples_the_restored_image_through_the_homography(sharp):
    # Smooth, so that the kind of interpolation hardly matters.
    smooth = ndimage.gaussian_filter(sharp, (2, 2, 0))
    restored = moved(smooth, HOMOGRAPHY)
    aligned = realblur.align(restored, smooth)

    y, x = np.mgrid[:SIZE, :SIZE]
    u, v, w = np.tensordot(aligned.homography, np.stack([x, y, np.ones_like(x)]), 1)
    sampled = np.stack(
        [
            ndimage.map_coordinates(restored[..., c] / 255.0, (v / w, u / w), order=3)
            for c in range(3)
        ],
        axis=-1,
    )
    inside = aligned.mask[..., 0] == 1
    inside = ndimage.binary_erosion(inside, iterations=3)
    gain = np.sum(restored / 255.0 * smooth / 255.0) / np.sum((restored / 255.0) ** 2)
    assert inside.mean() > 0.8
    np.testing.assert_allclose(
        aligned.restored[inside], gain * sampled[inside], atol=0.01
    )


def test_alignment_blackens_both_images_outside_the_mask(sharp):
    restored = moved(sharp, np.array([[1, 0, 6.0], [0, 1, 0], [0, 0, 1]]))
    aligned = realblur.align(restored, sharp)
    outside = aligned.mask == 0
    # Six columns of the sharp image have left the restored one.
    assert outside[:, -5:].all()
    assert not outside[:, :-8].any()
    assert not aligned.restored[outside].any()
    assert not aligned.sharp[outside].any()


def test_gain_is_the_least_squares_solution(sharp):
    dark = (sharp // 2).astype(np.uint8)
    gain, *_ = np.linalg.lstsq(
        dark.reshape(-1, 1) / 255.0, sharp.reshape(-1) / 255.0, rcond=None
    )
    aligned = realblur.align(dark, sharp)
    inside = (slice(20, -20),) * 2
    np.testing.assert_allclose(
        aligned.restored[inside], gain[0] * dark[inside] / 255.0, atol=0.01
    )


@pytest.fixture
def aligned():
    rng = np.random.default_rng(0)
    mask = np.ones((40, 50, 3), np.float32)
    mask[:, 44:] = 0
    mask[30:, :7] = 0
    sharp = ndimage.gaussian_filter(rng.uniform(size=mask.shape), (1, 1, 0))
    restored = sharp + rng.normal(0, 0.02, mask.shape)
    sharp, restored = (mask * image.astype(np.float32) for image in (sharp, restored))
    return realblur.Aligned(restored, sharp, mask, np.eye(3, dtype=np.float32))


def test_psnr_is_over_the_masked_pixels(aligned):
    inside = aligned.mask == 1
    squared = (aligned.restored[inside] - aligned.sharp[inside]) ** 2
    expected = -10 * np.log10(np.mean(squared, dtype=np.float64))
    assert realblur.aligned_psnr(aligned) == pytest.approx(expected, rel=1e-6)


def test_ssim_is_the_mean_of_the_map_over_the_cropped_mask(aligned):
    def blur(image):
        # Radius 5: the 11 x 11 window.
        return ndimage.gaussian_filter(image, 1.5, truncate=3.5, mode="reflect")

    per_channel = []
    for channel in range(3):
        r = aligned.restored[..., channel].astype(np.float64)
        s = aligned.sharp[..., channel].astype(np.float64)
        mean_r, mean_s = blur(r), blur(s)
        covariance = blur(r * s) - mean_r * mean_s
        variances = blur(r * r) - mean_r**2 + blur(s * s) - mean_s**2
        similarity = (
            (2 * mean_r * mean_s + 1e-4)
            * (2 * covariance + 9e-4)
            / ((mean_r**2 + mean_s**2 + 1e-4) * (variances + 9e-4))
        )
        inside = aligned.mask[5:-5, 5:-5, channel] == 1
        per_channel.append(similarity[5:-5, 5:-5][inside].mean())
    expected = np.mean(per_channel)
    assert 0.5 < expected < 0.999
    assert realblur.aligned_ssim(aligned) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", ["black", "grey", "noise"])
def test_images_that_cannot_be_aligned_are_named_failures(sharp, kind):
    rng = np.random.default_rng(0)
    restored = {
        "black": np.zeros_like(sharp),
        "grey": np.full_like(sharp, 90),
        "noise": rng.integers(0, 256, sharp.shape, dtype=np.uint8),
    }[kind]
    score = PROTOCOLS["realblur"].score(restored, sharp)
    assert math.isnan(score.psnr)
    assert math.isnan(score.ssim)
    assert score.failure


def test_other_opencv_errors_are_not_taken_for_alignment_failures(sharp, monkeypatch):
    def broken(*_):
        cv2.cvtColor(np.zeros((4, 4), np.uint8), cv2.COLOR_RGB2GRAY)

    monkeypatch.setattr(cv2, "findTransformECC", broken)
    with pytest.raises(cv2.error, match="channels"):
        realblur.align(sharp, sharp)


def test_images_below_the_ssim_window_are_refused():
    tiny = np.zeros((10, 40, 3), np.uint8)
    with pytest.raises(InputError, match="Received: 10 x 40"):
        realblur.align(tiny, tiny)
