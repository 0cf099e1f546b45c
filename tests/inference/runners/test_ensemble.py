import keras
import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.inference import Restorer
from egnet_tf.inference.branches import branch_images
from egnet_tf.inference.runners.ensemble import EnsembleRunner
from helpers import random_image


class SquareRunner:
    size_multiple = 8
    tile = None
    bytes_per_pixel = 100.0

    def __call__(self, batch):
        return np.square(batch)


@pytest.fixture
def image():
    return random_image((1, 32, 48, 3), dtype=np.float32)


def test_ensemble_runner_without_a_network_averages_the_branches(image):
    names = ["half", "quarters", "rotate180"]
    expected = np.mean(branch_images(tf.square, image, names, size_multiple=8), axis=0)
    runner = EnsembleRunner(SquareRunner(), names)
    assert runner.size_multiple == 16
    np.testing.assert_allclose(runner(image), expected, atol=1e-6)


def test_ensemble_runner_fuses_the_papers_branches_in_order(image):
    inputs = [keras.Input((None, None, 3)) for _ in range(3)]
    weighed = [
        keras.layers.Rescaling(w)(x)
        for w, x in zip((0.5, 0.3, 0.2), inputs, strict=True)
    ]
    ensemble = keras.Model(inputs, keras.layers.Add()(weighed))
    branches = branch_images(tf.square, image, size_multiple=8)
    expected = sum(w * b for w, b in zip((0.5, 0.3, 0.2), branches, strict=True))
    restored = Restorer(SquareRunner(), ensemble=ensemble)(image)
    np.testing.assert_allclose(restored, expected, atol=1e-6)
    with pytest.raises(InputError, match="Received: whole, rotate180"):
        EnsembleRunner(SquareRunner(), ["whole", "rotate180"], ensemble)


def test_ensemble_runner_pads_odd_sizes():
    image = random_image((19, 33, 3))
    restorer = Restorer(SquareRunner(), branches=["whole", "quarters"])
    expected = np.rint((image / 255) ** 2 * 255)
    np.testing.assert_array_equal(restorer(image), expected)


def test_ensemble_runner_counts_memory_of_one_branch_plus_all_outputs():
    runner = EnsembleRunner(SquareRunner(), ["whole", "rotate180"])
    assert runner.bytes_per_pixel >= 100 + 2 * 12
    larger = EnsembleRunner(SquareRunner(), ["whole", "scale1.5"])
    assert larger.bytes_per_pixel >= 225 + 2 * 12


def test_order_of_averaged_branches_is_nothing_to_their_mean(image):
    names = ["scale0.75", "rotate90", "half", "transpose", "whole"]
    one, other = (
        EnsembleRunner(SquareRunner(), x)(image) for x in (names, names[::-1])
    )
    np.testing.assert_array_equal(one, other)


def test_ensemble_runner_flips_but_does_not_cut_a_fixed_tile():
    class Fixed(SquareRunner):
        tile = size_multiple = 16

    image = random_image((20, 20, 3), dtype=np.float64)
    restored = Restorer(Fixed(), branches=["whole", "flip_vertical"])(image)
    np.testing.assert_allclose(restored, image**2, atol=1e-6)
    views = Restorer(Fixed(), branches=["eight_views"])(image)
    np.testing.assert_allclose(views, image**2, atol=1e-6)
    for name in ("half", "scale0.75"):
        with pytest.raises(InputError, match=f"Received: {name}"):
            EnsembleRunner(Fixed(), [name])
