import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.fft import dctn

from egnet_tf.data import open_pairs
from egnet_tf.layers import whitening_convolution


def features_of(images, filters, stride):
    return whitening_convolution(filters, stride)(tf.constant(images)).numpy()


@pytest.fixture(scope="module")
def blurry_photographs():
    pairs = open_pairs("samples", split="test")
    rng = np.random.default_rng(3)
    crops = [pairs.crop(i % len(pairs), 128, rng).blurry for i in range(24)]
    return np.stack(crops).astype(np.float32) / 255


def test_whitened_photographs_have_about_unit_deviation(blurry_photographs):
    features = features_of(blurry_photographs, 32, 4).reshape(-1, 32)
    deviations = features.std(axis=0)
    assert deviations.min() > 0.4 and deviations.max() < 2
    # Whereas those of the pixels they are made of are all but the same number.
    pixels = blurry_photographs.reshape(24, 32, 4, 32, 4, 3).transpose(0, 1, 3, 2, 4, 5)
    condition = [
        np.linalg.cond(np.cov(x.T)) for x in (features, pixels.reshape(-1, 48))
    ]
    assert condition[0] < condition[1] / 100


def test_whitening_with_all_coefficients_is_the_discrete_cosine_transform(features):
    square = features(1, 4, 4, 3)
    grey = 0.5
    ours = np.sort(np.abs(features_of(square, 48, 4).ravel()))
    # SciPy's transform of the opponent colours, divided by the documented deviations.
    colours = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
    u, v = np.mgrid[:4, :4]
    cycles = np.sqrt(u**2 + v**2) / 8
    expected = []
    for colour, amplitude in zip(colours, (1.5, 0.5, 0.3), strict=True):
        coefficients = dctn((square[0] - grey) @ colour, norm="ortho")
        expected.append(coefficients / (amplitude / (1 + 24 * cycles) ** 2 + 0.005))
    np.testing.assert_allclose(ours, np.sort(np.abs(expected).ravel()), rtol=1e-3)


def test_whitening_repeats_coefficients_with_the_opposite_sign(features):
    out = features_of(features(1, 4, 6, 3), 16, 2)
    np.testing.assert_allclose(out[..., 12:], -out[..., :4], atol=1e-5)


def test_whitening_maps_mid_grey_to_zero():
    grey = np.full((1, 8, 8, 3), 0.5, np.float32)
    np.testing.assert_allclose(features_of(grey, 32, 4), 0, atol=1e-5)


def test_whitening_weights_are_trainable():
    layer = whitening_convolution(8, 2)
    layer.build((None, None, None, 3))
    assert isinstance(layer, keras.layers.Conv2D)
    assert [tuple(w.shape) for w in layer.trainable_weights] == [(2, 2, 3, 8), (8,)]
