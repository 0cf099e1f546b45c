import numpy as np
import pytest
from scipy.special import expit

from egnet_tf.layers import ResidualSpatialAttention


@pytest.mark.parametrize("kernel_size", [7, 3])
def test_spatial_attention_is_equation_4(kernel_size, convolve, weights_of, features):
    layer = ResidualSpatialAttention(6, kernel_size)
    x = features(2, 5, 9, 6)
    layer(x)
    w = weights_of(layer)
    assert w["conv3"].shape == (kernel_size, kernel_size, 2, 1)

    y = convolve(np.maximum(convolve(x, w["conv1"]), 0), w["conv2"])
    # One mean and one maximum a pixel, over its channels.
    both = np.stack([y.mean(axis=-1), y.max(axis=-1)], axis=-1)
    expected = x + y * expit(convolve(both, w["conv3"]))
    np.testing.assert_allclose(layer(x), expected, atol=2e-5)
