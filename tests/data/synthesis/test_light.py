import numpy as np
from skimage import color
from skimage.color import colorconv

from egnet_tf.data.synthesis.light import linear_to_srgb, srgb_to_linear
from helpers import random_image


def test_srgb_transfer_functions_equal_those_of_scikit_image():
    values = random_image((20, 30, 3), dtype=np.float64)
    # XYZ is a matrix times linear light: undo the matrix.
    linear = color.rgb2xyz(values) @ np.linalg.inv(colorconv.xyz_from_rgb).T
    np.testing.assert_allclose(srgb_to_linear(values), linear, atol=1e-9)
    np.testing.assert_allclose(linear_to_srgb(linear), values, atol=1e-9)
