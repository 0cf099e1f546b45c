import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage
from skimage import data

from egnet_tf import layers
from egnet_tf.layers import GradientMap, gradient_map, laplacian, mean_filter
from egnet_tf.models import configs


@pytest.fixture(scope="module")
def photographs():
    crops = [data.astronaut()[100:140, 200:248], data.coffee()[150:190, 250:298]]
    return np.stack(crops).astype(np.float32) / 255


NORMALISERS = {
    "max": lambda x: np.abs(x) / (np.abs(x).max() + 1e-3),
    "minmax": lambda x: (x - x.min()) / (np.ptp(x) + 1e-3),
    "deviation": lambda x: x / np.sqrt(x.var() + 1e-6),
    "fixed": lambda x: np.abs(x) / (np.abs(x) + 0.05),
}


def equation_15(image, normalise="max"):
    """One image (H, W, C), by SciPy's filters."""
    image = image.astype(np.float64)

    def normalised_laplacian(x):
        planes = [ndimage.laplace(p, mode="nearest") for p in np.moveaxis(x, -1, 0)]
        return NORMALISERS[normalise](np.stack(planes, axis=-1))

    mean = ndimage.uniform_filter(image, size=(3, 3, 1), mode="nearest")
    return normalised_laplacian(mean) * normalised_laplacian(image)


@pytest.mark.parametrize("normalise", NORMALISERS)
def test_gradient_map_is_equation_15(normalise, photographs):
    expected = np.stack([equation_15(image, normalise) for image in photographs])
    assert expected.max() > 0.3
    values = gradient_map(photographs, normalise)
    tolerance = 1e-5 * max(1, expected.max())
    np.testing.assert_allclose(values, expected, atol=tolerance)
    np.testing.assert_array_equal(GradientMap(normalise)(photographs), values)


def test_gradient_normalisers_are_those_that_the_network_knows():
    assert tuple(layers.NORMALISERS) == configs.NORMALISERS


def test_gradient_map_of_a_tile_is_the_tile_of_the_map_with_a_fixed_scale(photographs):
    tile = np.s_[:, 8:24, 12:36]
    whole, alone = (gradient_map(x, "fixed") for x in (photographs, photographs[tile]))
    inside = np.s_[:, 2:-2, 2:-2]  # Borders are repeated, at a tile's border too.
    np.testing.assert_allclose(alone[inside], whole[tile][inside], atol=1e-6)
    # Not so where the scale is that of the image.
    scaled, other = (gradient_map(x, "max") for x in (photographs, photographs[tile]))
    assert np.abs(other[inside] - scaled[tile][inside]).max() > 0.1


def test_gradient_map_filters_are_scipys(photographs):
    mean = ndimage.uniform_filter(photographs, size=(1, 3, 3, 1), mode="nearest")
    np.testing.assert_allclose(mean_filter(photographs), mean, atol=1e-6)
    for image, actual in zip(photographs, laplacian(photographs), strict=True):
        for channel in range(3):
            expected = ndimage.laplace(image[..., channel], mode="nearest")
            np.testing.assert_allclose(actual[..., channel], expected, atol=1e-6)


def test_gradient_map_does_not_depend_on_the_rest_of_the_batch(photographs):
    together = gradient_map(photographs)
    for i in range(2):
        alone = gradient_map(photographs[i : i + 1])[0]
        np.testing.assert_allclose(together[i], alone, atol=1e-7)


def test_gradient_map_does_not_depend_on_the_contrast_of_strong_edges(photographs):
    # G divides by the strongest Laplacian: what makes weak gradients visible.
    full, half = (gradient_map(x, "max") for x in (photographs, photographs / 2))
    np.testing.assert_allclose(half, full, atol=0.02)


def step_edge():
    image = np.zeros((1, 6, 8, 3), np.float32)
    image[:, :, 4:] = 1
    return image


def one_pixel():
    image = np.full((1, 6, 8, 3), 0.5, np.float32)
    image[0, 3, 4] = 0.75
    return image


HARD = {
    "constant": np.full((1, 6, 8, 3), 0.3, np.float32),
    "black": np.zeros((1, 6, 8, 3), np.float32),
    "white": np.ones((1, 6, 8, 3), np.float32),
    "step edge": step_edge(),
    "one pixel": one_pixel(),
    "1x1": np.full((1, 1, 1, 3), 0.6, np.float32),
    "1x5": np.linspace(0, 1, 15, dtype=np.float32).reshape(1, 1, 5, 3),
}


@pytest.mark.parametrize("normalise", NORMALISERS)
@pytest.mark.parametrize("name", HARD)
def test_gradient_map_values_and_gradients_are_finite(name, normalise):
    image = tf.constant(HARD[name])
    with tf.GradientTape() as tape:
        tape.watch(image)
        values = gradient_map(image, normalise)
    assert np.isfinite(tape.gradient(values, image)).all()
    expected = equation_15(HARD[name][0], normalise)
    np.testing.assert_allclose(values[0], expected, atol=1e-5 * max(1, expected.max()))
    if normalise != "deviation":
        assert np.all((values >= 0) & (values < 1))


@pytest.mark.parametrize("normalise", NORMALISERS)
@pytest.mark.parametrize("name", ["constant", "black", "white", "1x1"])
def test_gradient_map_of_flat_images_is_zero(name, normalise):
    np.testing.assert_allclose(gradient_map(HARD[name], normalise), 0, atol=1e-6)


def test_gradient_map_marks_both_sides_of_an_edge():
    image = step_edge()
    image[:, :, 3] = 0.5  # As a lens draws it: over more than one pixel.
    values = gradient_map(image, "max").numpy()[0, :, :, 0]
    assert np.all(values[:, [2, 4]] > 0.9)
    assert np.all(np.delete(values, [2, 4], axis=1) < 1e-6)


def test_gradient_map_of_a_one_pixel_edge_cancels():
    # Eq. 15 as printed: the mean makes of the step a ramp, whose Laplacian is zero
    # just where that of the step is not.
    assert np.abs(laplacian(step_edge())).max() == 1
    np.testing.assert_allclose(gradient_map(step_edge()), 0, atol=1e-5)


def test_gradient_map_is_float32_under_mixed_precision(photographs):
    layer = GradientMap(dtype=keras.mixed_precision.Policy("mixed_bfloat16"))
    assert layer(photographs).dtype == tf.float32
    np.testing.assert_allclose(layer(photographs), gradient_map(photographs))
