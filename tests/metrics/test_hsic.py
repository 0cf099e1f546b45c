import numpy as np
import pytest

from egnet_tf.metrics.hsic import (
    EPSILON,
    dependence_on_images,
    normalised_hsic,
    patches_at,
)
from helpers import random_image

RNG = np.random.default_rng(0)


def direct(x, y, sx, sy):
    """The definition, written with explicit centring and inverses."""
    m = len(x)
    centre = np.eye(m) - np.ones((m, m)) / m

    def factor(z, s):
        k = np.array(
            [[np.exp(-np.sum((a - b) ** 2) / (2 * s * s)) for b in z] for a in z]
        )
        k = centre @ k @ centre
        return k @ np.linalg.inv(k + EPSILON * m * np.eye(m))

    return np.trace(factor(x, sx) @ factor(y, sy))


def test_hsic_equals_its_definition():
    x, y = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 2))
    value = normalised_hsic(x, y, 1.5, 0.7)
    assert value == pytest.approx(direct(x, y, 1.5, 0.7), rel=1e-6)


def test_hsic_default_width_is_the_median_distance():
    x, y = RNG.normal(size=(15, 2)), RNG.normal(size=(15, 2))
    pairs = [(i, j) for i in range(15) for j in range(15) if i != j]
    width = np.median([np.linalg.norm(x[i] - x[j]) for i, j in pairs])
    expected = normalised_hsic(x, y, width, 1.0)
    assert normalised_hsic(x, y, None, 1.0) == pytest.approx(expected, rel=1e-9)


def test_hsic_grows_with_dependence_even_without_correlation():
    x = RNG.normal(size=(200, 1))
    independent = RNG.normal(size=(200, 1))
    square = x**2  # not correlated with x, but determined by it
    values = [
        normalised_hsic(x, y) for y in (independent, square + independent, square)
    ]
    assert values[0] < values[1] < values[2] < normalised_hsic(x, x)


def test_hsic_is_symmetric():
    x, y = RNG.normal(size=(30, 2)), RNG.normal(size=(30, 4))
    assert normalised_hsic(x, y) == pytest.approx(normalised_hsic(y, x), rel=1e-9)


def test_hsic_of_constant_samples_is_zero():
    assert normalised_hsic(np.ones((10, 3)), RNG.normal(size=(10, 2))) == 0


def test_hsic_refuses_unequal_numbers_of_samples():
    with pytest.raises(ValueError, match="Received: shapes"):
        normalised_hsic(np.ones((3, 1)), np.ones((4, 1)))


def test_hsic_patches_repeat_the_border():
    image = np.arange(12).reshape(3, 4, 1)
    corner, middle = patches_at(image, np.array([[0, 0], [1, 2]]), 3)
    assert corner.tolist() == [0, 0, 1, 0, 0, 1, 4, 4, 5]
    assert middle.tolist() == [1, 2, 3, 5, 6, 7, 9, 10, 11]


def scene(size):
    """A sharp image, and one whose neighbours are averaged."""
    sharp = random_image((size, size, 3), seed=5)
    shifted = [np.roll(sharp, step, axis=1).astype(float) for step in range(-2, 3)]
    return np.mean(shifted, axis=0).astype(np.uint8), sharp


def pixels_of(image, stride=1):
    """The simplest features: the pixel in the middle of each position."""
    return image[stride // 2 :: stride, stride // 2 :: stride] / 255.0


@pytest.mark.parametrize("stride", [1, 4])
def test_hsic_is_higher_for_the_image_the_features_come_from(stride):
    blurry, sharp = scene(40 * stride)
    measured = [
        dependence_on_images(
            pixels_of(image, stride),
            blurry,
            sharp,
            np.random.default_rng(0),
            samples=500,
            patch=1,
        )
        for image in (blurry, sharp)
    ]
    assert measured[0].ratio < 0.7
    assert measured[1].ratio > 1.5


def test_hsic_samples_are_drawn_once_for_both_images():
    blurry, sharp = scene(8)
    features = pixels_of(sharp) * 7  # The scale of features does not count.
    grid = np.stack(np.divmod(np.arange(64), 8), -1)
    measured = dependence_on_images(
        features, blurry, sharp, np.random.default_rng(0), samples=64, patch=3
    )
    for value, image in zip(measured, (blurry, sharp), strict=True):
        every = normalised_hsic(features.reshape(64, -1), patches_at(image, grid, 3))
        assert value == pytest.approx(every, rel=1e-6)


def test_hsic_refuses_incompatible_sizes():
    blurry, sharp = scene(12)
    rng = np.random.default_rng(0)
    for features, options in [
        (np.ones((5, 5, 1)), {"samples": 4}),
        (np.ones((12, 12, 1)), {"samples": 145}),
        (np.ones((12, 12, 1)), {"samples": 4, "patch": 4}),
    ]:
        with pytest.raises(ValueError, match="Received: "):
            dependence_on_images(features, blurry, sharp, rng, **options)
    with pytest.raises(ValueError, match="Received: "):
        dependence_on_images(np.ones((12, 12, 1)), blurry, sharp[:6], rng, 4)
