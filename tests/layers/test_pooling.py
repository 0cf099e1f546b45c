import numpy as np
import pytest
from scipy import ndimage

from egnet_tf.layers import GlobalPool, local_pooling
from egnet_tf.layers.pooling import windowed_mean


def direct_mean(x, height, width):
    """Means of all full windows, by a loop; the outermost repeated to the borders."""
    rows, columns = x.shape[1] - height + 1, x.shape[2] - width + 1
    means = np.array(
        [
            [
                x[:, i : i + height, j : j + width].mean(axis=(1, 2))
                for j in range(columns)
            ]
            for i in range(rows)
        ]
    )
    top, left = (height - 1) // 2, (width - 1) // 2
    border = [(top, height - 1 - top), (left, width - 1 - left), (0, 0), (0, 0)]
    return np.moveaxis(np.pad(means, border, mode="edge"), 2, 0)


@pytest.mark.parametrize("window", [(3, 3), (1, 1), (4, 2), (7, 9), (7, 1)], ids=str)
def test_windowed_mean_equals_a_direct_loop(window, features):
    x = features(2, 7, 9, 3)
    expected = direct_mean(x.astype(np.float64), *window)
    np.testing.assert_allclose(windowed_mean(x, *window), expected, atol=1e-6)


def test_windowed_mean_is_accurate_far_from_zero():
    # Plain running sums of these are wrong by 4e-3.
    x = 1000 + np.random.default_rng(0).normal(size=(1, 400, 400, 1))
    x = x.astype(np.float32)
    inner = ndimage.uniform_filter(x.astype(np.float64), (1, 51, 51, 1))
    expected = inner[:, 25:-25, 25:-25]
    actual = windowed_mean(x, 51, 51).numpy()[:, 25:-25, 25:-25]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-4)


def test_global_pool_is_the_mean_over_the_image(features):
    x = features(2, 4, 6, 3)
    pooled = GlobalPool()(x)
    np.testing.assert_allclose(pooled, x.mean(axis=(1, 2), keepdims=True), atol=1e-6)


def test_local_pooling_windows_are_image_pixels_at_every_resolution(features):
    image = np.zeros((1, 16, 32, 3), np.float32)
    pool = GlobalPool()
    with local_pooling(8, image):
        fine, coarse = pool(features(1, 16, 32, 2)), pool(features(1, 4, 8, 2))
    expected = direct_mean(features(1, 16, 32, 2), 8, 8)
    np.testing.assert_allclose(fine, expected, atol=1e-6)
    expected = direct_mean(features(1, 4, 8, 2), 2, 2)
    np.testing.assert_allclose(coarse, expected, atol=1e-6)


def test_local_pooling_with_image_sized_windows_is_global_pooling(features):
    x = features(1, 6, 4, 3)
    with local_pooling(100, x):
        pooled = GlobalPool()(x)
    expected = np.broadcast_to(x.mean(axis=(1, 2), keepdims=True), x.shape)
    np.testing.assert_allclose(pooled, expected, atol=1e-6)


def test_local_pooling_ends_with_its_context_even_after_an_error(features):
    x = features(1, 6, 4, 3)
    with pytest.raises(ZeroDivisionError), local_pooling(2, x):
        _ = 1 / 0
    assert GlobalPool()(x).shape == (1, 1, 1, 3)
