import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.layers import Upsample


def doubled(x, axis):
    """PyTorch's bilinear rule along one axis, align_corners=False."""
    size = x.shape[axis]
    source = np.maximum((np.arange(2 * size) + 0.5) / 2 - 0.5, 0)
    low = np.floor(source).astype(int)
    high = np.minimum(low + 1, size - 1)
    shape = [1, 1, 1, 1]
    shape[axis] = -1
    share = (source - low).reshape(shape)
    return np.take(x, low, axis) * (1 - share) + np.take(x, high, axis) * share


@pytest.mark.parametrize("size", [(3, 5), (4, 4), (1, 2)], ids=str)
def test_bilinear_resize_has_half_pixel_centres(size, features):
    x = features(2, *size, 3)
    expected = doubled(doubled(x.astype(np.float64), 1), 2)
    np.testing.assert_allclose(Upsample()(x), expected, atol=1e-6)


def test_nearest_resize_repeats_every_pixel(features):
    x = features(1, 3, 5, 2)
    expected = x.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(Upsample("nearest")(x), expected)


def test_resampling_works_at_sizes_unknown_to_the_graph(features):
    layer = Upsample()
    run = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 3))])
    x = features(1, 3, 5, 3)
    np.testing.assert_allclose(run(x), layer(x), atol=1e-6)


def test_resampling_commutes_with_a_1x1_convolution(features, convolve):
    # The reason why 1x1 convolutions run before the up-sampling.
    x, kernel = features(1, 4, 6, 3), features(1, 1, 3, 5)
    first = Upsample()(convolve(x, kernel).astype(np.float32))
    last = convolve(Upsample()(x).numpy(), kernel)
    np.testing.assert_allclose(first, last, atol=1e-5)


def test_resampling_keeps_narrow_dtypes():
    x = tf.zeros((1, 2, 2, 1), tf.bfloat16)
    assert Upsample(dtype="bfloat16")(x).dtype == tf.bfloat16
