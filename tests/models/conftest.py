"""Networks with weights drawn anew, and images for them."""

import keras
import numpy as np
import pytest

from helpers import random_image


def _randomise(model, stddev=0.15):
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(rng.normal(0, stddev, weight.shape))
    return model


@pytest.fixture(scope="session")
def randomise():
    """randomise(model, stddev=0.15): draws all weights, the same each time.

    New networks are the identity, which hides most mistakes.
    """
    return _randomise


@pytest.fixture(scope="session")
def images():
    """images(*shape): float32 in [0, 1], the same each time."""
    return lambda *shape: random_image(shape, seed=2, dtype=np.float32)


@pytest.fixture
def mixed_precision():
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield
    keras.mixed_precision.set_global_policy(before)
