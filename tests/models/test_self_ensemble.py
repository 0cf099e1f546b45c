import keras
import numpy as np
import pytest
from scipy.special import softmax

from egnet_tf.models.self_ensemble import WeightedSum, self_ensemble


@pytest.fixture
def branches(images):
    return list(images(3, 2, 6, 7, 3))


def test_self_ensemble_starts_as_the_mean(branches):
    restored = self_ensemble(3, 4)(branches)
    np.testing.assert_allclose(restored, np.mean(branches, axis=0), atol=1e-6)


@pytest.mark.parametrize("shared", [False, True])
def test_self_ensemble_is_equations_10_to_12(shared, branches, randomise):
    model = randomise(self_ensemble(3, 4, shared_blocks=shared), stddev=0.4)

    def convolve(x, name):
        kernel, bias = model.get_layer(name).get_weights()
        x = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
        return np.einsum("bijchw,hwcf->bijf", windows, kernel) + bias

    relu = lambda x: np.maximum(x, 0)  # noqa: E731
    total = 0
    for i, branch in enumerate(branches, 1):
        block = "shared" if shared else f"branch{i}"
        inner = relu(convolve(branch, f"{block}_conv1"))
        total = total + branch + convolve(inner, f"{block}_conv2")  # Eq. 10
    x = relu(convolve(relu(convolve(total, "conv3")), "conv4"))
    weights = softmax(convolve(x, "logits"), axis=-1)  # Eq. 11-12
    assert weights.std() > 0.01
    expected = sum(weights[..., i, None] * b for i, b in enumerate(branches))
    np.testing.assert_allclose(model(branches), expected, atol=1e-5)


def test_self_ensemble_weights_of_a_pixel_sum_to_1(branches, randomise):
    model = randomise(self_ensemble(3, 4), stddev=0.4)
    same = [branches[0]] * 3
    np.testing.assert_allclose(model(same), branches[0], atol=1e-6)


def test_self_ensemble_weights_are_the_same_for_all_channels(images):
    logits = images(1, 2, 2, 2)
    black, white = np.zeros((1, 2, 2, 3)), np.ones((1, 2, 2, 3))
    restored = WeightedSum()([logits, black, white])
    expected = softmax(logits, axis=-1)[..., 1:].repeat(3, axis=-1)
    np.testing.assert_allclose(restored, expected, atol=1e-6)


@pytest.mark.parametrize("count", [1, 5])
def test_self_ensemble_takes_any_number_of_branches(count, images, randomise):
    branches = list(images(count, 1, 4, 5, 3))
    restored = randomise(self_ensemble(count, 4))(branches)
    assert restored.shape == (1, 4, 5, 3)
    if count == 1:
        np.testing.assert_allclose(restored, branches[0], atol=1e-6)
    # Never outside what the branches hold.
    assert np.all(restored <= np.max(branches, axis=0) + 1e-6)
    assert np.all(restored >= np.min(branches, axis=0) - 1e-6)


def test_self_ensemble_weighs_float32_images_under_mixed_precision(branches):
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = self_ensemble(3, 4)
    finally:
        keras.mixed_precision.set_global_policy(before)
    restored = model(branches)
    assert restored.dtype == "float32"
    # The branches themselves are never rounded.
    np.testing.assert_allclose(restored, np.mean(branches, axis=0), atol=1e-6)
