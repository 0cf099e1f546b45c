import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit

from egnet_tf.layers import ResidualChannelAttention, local_pooling


@pytest.mark.parametrize("gate", ["linear", "sigmoid"])
@pytest.mark.parametrize("slope", [None, 0.2])
def test_channel_attention_is_equations_2_and_3(
    gate, slope, convolve, weights_of, features
):
    layer = ResidualChannelAttention(8, reduction=4, gate=gate)
    x = features(2, 5, 7, 8)
    inputs = x if slope is None else [x, tf.constant([slope])]
    layer(inputs)
    w = weights_of(layer)
    assert w["conv3"].shape == (1, 1, 8, 2)

    first = convolve(x, w["conv1"])
    y = convolve(np.where(first > 0, first, (slope or 0) * first), w["conv2"])  # Eq. 2
    pooled = y.mean(axis=(1, 2), keepdims=True)
    weights = np.maximum(pooled @ w["conv3"][0, 0], 0) @ w["conv4"][0, 0]
    if gate == "sigmoid":
        weights = expit(weights)
    np.testing.assert_allclose(layer(inputs), x + y * weights, atol=2e-5)  # Eq. 3


def test_channel_attention_pools_over_local_windows(convolve, weights_of, features):
    layer = ResidualChannelAttention(4)
    x = features(1, 6, 6, 4)
    layer(x)
    w = weights_of(layer)
    with local_pooling(3, x):
        restored = layer(x)
    y = convolve(np.maximum(convolve(x, w["conv1"]), 0), w["conv2"])
    # The middle of the window of position (2, 3) is that position.
    pooled = y[0, 1:4, 2:5].mean(axis=(0, 1))
    weights = expit(np.maximum(pooled @ w["conv3"][0, 0], 0) @ w["conv4"][0, 0])
    expected = x[0, 2, 3] + y[0, 2, 3] * weights
    np.testing.assert_allclose(restored[0, 2, 3], expected, atol=1e-5)


def test_channel_attention_squeezes_to_at_least_one_channel():
    layer = ResidualChannelAttention(3, reduction=4)
    assert layer(np.zeros((1, 2, 2, 3), np.float32)).shape == (1, 2, 2, 3)
    assert layer.conv3.filters == 1


def test_channel_attention_refuses_an_unknown_gate():
    with pytest.raises(ValueError, match=r"gate must be one of.*Received: 'tanh'"):
        ResidualChannelAttention(4, gate="tanh")
