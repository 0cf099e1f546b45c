"""The mean filter against tensorflow-addons', where that is installed: TensorFlow 2.15.

Elsewhere `test_gradient_map.py` has its equation in NumPy.
"""

import numpy as np
import pytest

from egnet_tf.layers.gradient_map import mean_filter
from helpers import random_image

addons = pytest.importorskip(
    "tensorflow_addons", reason="the extra `addons` is not installed"
)


@pytest.mark.parametrize("shape", [(1, 7, 5, 3), (2, 16, 16, 1), (3, 3, 9, 4)])
def test_mean_filter_equals_that_of_addons(shape):
    """SYMMETRIC mirrors with the edge pixel: for one pixel, a repetition."""
    image = random_image(shape, dtype=np.float32)
    expected = addons.image.mean_filter2d(image, filter_shape=3, padding="SYMMETRIC")
    np.testing.assert_allclose(mean_filter(image), expected, rtol=1e-5, atol=1e-6)
