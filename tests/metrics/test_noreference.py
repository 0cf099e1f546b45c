import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, stats
from skimage import data

from egnet_tf.errors import InputError
from egnet_tf.metrics import PROTOCOLS
from egnet_tf.metrics import noreference as module
from egnet_tf.metrics.noreference import brisque, niqe
from helpers import random_image

ASTRONAUT, COFFEE = data.astronaut(), data.coffee()


def blurred(photo, sigma):
    return ndimage.gaussian_filter(photo, (sigma, sigma, 0))


def noisy(photo, sigma):
    noise = np.random.default_rng(0).normal(0, sigma, photo.shape)
    return np.clip(np.rint(photo + noise), 0, 255).astype(np.uint8)


def compressed(photo, quality):
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


SPOILERS = [
    (blurred, (0.8, 1.2, 2.0, 3.5, 6.0)),
    (noisy, (4, 8, 16, 30, 50)),
    (compressed, (80, 50, 25, 12, 6)),
]


def spoiled(photo):
    return [photo, *(spoil(photo, x) for spoil, xs in SPOILERS for x in xs)]


@pytest.mark.parametrize("photo", [ASTRONAUT, COFFEE], ids=["astronaut", "coffee"])
@pytest.mark.parametrize(("spoil", "degrees"), SPOILERS)
def test_worse_images_have_higher_scores(photo, spoil, degrees):
    images = [photo, *(spoil(photo, degree) for degree in degrees)]
    for score, least in ((niqe, 0.9), (brisque, 0.6)):
        found = [score(image) for image in images]
        assert stats.spearmanr(found, range(6))[0] >= least, (score, found)


# Of `spoiled`, by scikit-video 1.1.11 and by brisque 0.2.0, whose parameters are those
# of the papers' authors: neither installs beside the versions of NumPy and SciPy here.
OTHERS = {
    "astronaut": (
        "8.84 12.95 14.00 14.63 15.98 16.46 8.99 10.20 11.24 16.31 23.27 "
        "10.01 11.46 13.13 13.78 13.91",
        "10.80 35.59 46.59 64.61 79.99 93.03 8.75 21.91 40.15 55.73 65.37 "
        "17.86 21.58 32.16 49.29 69.65",
    ),
    "coffee": (
        "8.35 16.00 16.12 15.12 16.15 15.45 9.62 10.34 13.53 16.96 20.90 "
        "9.05 10.81 15.55 16.43 17.13",
        "3.05 38.06 63.28 74.12 80.83 93.35 -3.93 10.88 33.75 51.87 64.78 "
        "12.13 22.06 37.43 64.86 87.85",
    ),
}


@pytest.mark.parametrize("name", list(OTHERS))
def test_images_are_ranked_as_by_other_implementations(name):
    images = spoiled({"astronaut": ASTRONAUT, "coffee": COFFEE}[name])
    for score, theirs in zip((niqe, brisque), OTHERS[name], strict=True):
        ours = [score(image) for image in images]
        numbers = [float(x) for x in theirs.split()]
        assert stats.spearmanr(ours, numbers)[0] > 0.8, score


def test_normalised_luminance_is_that_of_the_formula():
    y = random_image((40, 50), seed=1).astype(float)
    taps = np.exp(-0.5 * (np.arange(-3, 4) / (7 / 6)) ** 2)
    window = np.outer(taps, taps) / taps.sum() ** 2

    def mean(values):
        return ndimage.correlate(values, window, mode="nearest")

    deviation = np.sqrt(np.abs(mean(y**2) - mean(y) ** 2))
    normal, found = module._normalised(y)
    np.testing.assert_allclose(found, deviation, atol=1e-9)
    np.testing.assert_allclose(normal, (y - mean(y)) / (deviation + 1), atol=1e-9)


@pytest.mark.parametrize("shape", [0.6, 1.0, 2.0, 4.0])
def test_generalised_normal_distribution_is_found(shape):
    values = stats.gennorm.rvs(
        shape, scale=3.0, size=200_000, random_state=np.random.default_rng(0)
    )
    found, left, right = module._asymmetric_fit(values)
    assert found == pytest.approx(shape, rel=0.03)
    deviation = stats.gennorm.std(shape, scale=3.0)
    assert (left, right) == pytest.approx((deviation, deviation), rel=0.02)
    assert module._scale(found, left) == pytest.approx(3.0, rel=0.03)
    assert module._mean(found, left, right) == pytest.approx(0, abs=0.01 * deviation)


def test_asymmetric_distribution_is_found():
    rng = np.random.default_rng(1)
    halves = np.abs(rng.normal(0, 1, 400_000))
    # The share of each side is that of its scale, so that the density is continuous.
    values = np.where(rng.random(halves.size) < 0.75, 3 * halves, -halves)
    shape, left, right = module._asymmetric_fit(values)
    assert shape == pytest.approx(2, rel=0.03)
    assert (left, right) == pytest.approx((1, 3), rel=0.02)
    assert module._mean(shape, left, right) == pytest.approx(values.mean(), rel=0.02)


def test_features_of_a_patch_are_of_that_patch():
    """The second patch of an image twice as wide: its border differs alone."""
    y = module.luminance(ASTRONAUT[:96, :192])
    features, sharpness = module.patch_features(y)
    assert features.shape == (2, 36) and sharpness.shape == (2,)
    again, _ = module.patch_features(module.luminance(ASTRONAUT[:150, :230]))
    np.testing.assert_allclose(again, features, rtol=1e-9)


@pytest.mark.parametrize("score", [niqe, brisque])
@pytest.mark.parametrize(
    "image",
    [np.zeros((200, 200, 3), np.uint8), np.full((192, 300, 3), 255, np.uint8)],
)
def test_plain_images_have_a_finite_score(score, image):
    assert np.isfinite(score(image))


def test_small_images_are_refused():
    with pytest.raises(InputError, match="Received: 191 x 300"):
        niqe(np.zeros((191, 300, 3), np.uint8))
    with pytest.raises(InputError, match="Received: 31 x 300"):
        brisque(np.zeros((31, 300, 3), np.uint8))


def test_protocol_needs_no_sharp_image():
    protocol = PROTOCOLS["noreference"]
    score = protocol.score(ASTRONAUT, None)
    assert not protocol.needs_sharp
    assert np.isnan(score.psnr) and np.isnan(score.ssim)
    assert score.further == {"niqe": niqe(ASTRONAUT), "brisque": brisque(ASTRONAUT)}
