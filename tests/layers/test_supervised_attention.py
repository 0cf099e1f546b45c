import keras
import numpy as np
import tensorflow as tf
from scipy.special import expit

from egnet_tf.layers import SupervisedAttention


def test_supervised_attention_restores_the_image_and_gates_the_features(
    convolve, weights_of, features
):
    layer = SupervisedAttention(4)
    x, image = features(2, 3, 5, 4), features(2, 3, 5, 3)
    layer([x, image])
    w = weights_of(layer)
    gated, restored = layer([x, image])

    expected = image + convolve(x, w["conv2"])
    np.testing.assert_allclose(restored, expected, atol=1e-5)
    gate = expit(convolve(expected, w["conv3"]))
    np.testing.assert_allclose(gated, x + convolve(x, w["conv1"]) * gate, atol=1e-5)


def test_strided_supervised_attention_maps_positions_to_pixel_squares(
    weights_of, features
):
    layer = SupervisedAttention(4, stride=2)
    x, image = features(2, 3, 5, 4), features(2, 6, 10, 3)
    layer([x, image])
    w = weights_of(layer)
    gated, restored = layer([x, image])

    expected = image.astype(np.float64)
    gate = np.zeros(x.shape)
    for i in range(3):
        for j in range(5):
            square = np.s_[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            # Keras keeps a transposed convolution's kernel as (h, w, out, in).
            expected[square] += np.einsum("bc,hwfc->bhwf", x[:, i, j], w["conv2"])
            gate[:, i, j] = np.einsum("bhwf,hwfc->bc", expected[square], w["conv3"])
    np.testing.assert_allclose(restored, expected, atol=1e-5)
    mixed = x @ w["conv1"][0, 0] * expit(gate)
    np.testing.assert_allclose(gated, x + mixed, atol=1e-5)


def test_new_supervised_attention_returns_the_image_unchanged(features):
    for stride in (1, 2):
        image = features(1, 3 * stride, 5 * stride, 3)
        _, restored = SupervisedAttention(4, stride)([features(1, 3, 5, 4), image])
        np.testing.assert_array_equal(restored, image)


def test_supervised_attention_image_is_float32_under_mixed_precision(features):
    layer = SupervisedAttention(4, dtype=keras.mixed_precision.Policy("mixed_bfloat16"))
    image = features(1, 3, 5, 3)
    gated, restored = layer([features(1, 3, 5, 4), image])
    assert (gated.dtype, restored.dtype) == (tf.bfloat16, tf.float32)
    np.testing.assert_array_equal(restored, image)
    symbolic = layer([keras.Input((3, 5, 4), dtype="bfloat16"), keras.Input((3, 5, 3))])
    assert [tf.as_dtype(x.dtype) for x in symbolic] == [tf.bfloat16, tf.float32]
