import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.layers import NAFBlock, local_pooling

SHAPE = (2, 5, 7, 4)


@pytest.fixture
def block(features):
    """A block of four channels with random weights, and these in float64 by name."""
    block = NAFBlock(4)
    block.build(SHAPE)
    named = {"beta": block.beta, "gamma": block.gamma}
    for norm in (block.norm1, block.norm2):
        named |= {f"{norm.name}/gamma": norm.gamma, f"{norm.name}/beta": norm.beta}
    for name in ("conv1", "conv2", "attention", "conv3", "conv4", "conv5"):
        kernel, bias = getattr(block, name).weights
        named |= {f"{name}/kernel": kernel, f"{name}/bias": bias}
    assert len(named) == len(block.weights)
    rng = np.random.default_rng(5)
    found = {}
    for name, weight in named.items():
        weight.assign(rng.normal(0, 0.5, weight.shape))
        found[name] = weight.numpy().astype(np.float64)
    return block, found


def equations(x, weights, convolve):
    """Figure 3c of the paper in float64, each operation written out."""

    def normalise(x, name):
        centred = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)
        return weights[f"{name}/gamma"] * centred / deviation + weights[f"{name}/beta"]

    def linear(x, name):
        return x @ weights[f"{name}/kernel"][0, 0] + weights[f"{name}/bias"]

    def gate(x):
        return x[..., :4] * x[..., 4:]

    y = linear(normalise(x, "norm1"), "conv1")
    kernel = weights["conv2/kernel"]
    y = np.concatenate(
        [convolve(y[..., [c]], kernel[:, :, [c]]) for c in range(8)], axis=-1
    )
    y = gate(y + weights["conv2/bias"])
    y = y * linear(y.mean((1, 2), keepdims=True), "attention")
    y = x + weights["beta"] * linear(y, "conv3")
    z = linear(gate(linear(normalise(y, "norm2"), "conv4")), "conv5")
    return y + weights["gamma"] * z


def test_block_is_that_of_the_publication(block, features, convolve):
    layer, weights = block
    x = features(*SHAPE)
    expected = equations(x.astype(np.float64), weights, convolve)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_new_block_returns_its_input_and_can_learn(features):
    layer, x = NAFBlock(4), features(*SHAPE)
    with tf.GradientTape() as tape:
        y = layer(x)
        loss = tf.reduce_sum(y**2)
    np.testing.assert_array_equal(y, x)
    for gradient in tape.gradient(loss, [layer.beta, layer.gamma]):
        assert np.abs(gradient).min() > 0


def test_attention_is_pooled_over_windows_where_asked(block, features):
    layer, _ = block
    x = features(*SHAPE)
    with local_pooling(3, tf.constant(x)):
        windows = layer(x)
    assert np.abs(windows - layer(x)).max() > 1e-3
