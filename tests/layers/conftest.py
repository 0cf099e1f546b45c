"""The field's operations in plain NumPy, to check the layers against."""

import keras
import numpy as np
import pytest


def _convolve(x, kernel):
    height, width = kernel.shape[:2]
    before, after = (height - 1) // 2, (width - 1) // 2
    x = np.pad(
        x,
        [
            (0, 0),
            (before, height - 1 - before),
            (after, width - 1 - after),
            (0, 0),
        ],
    )
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), (1, 2))
    return np.einsum("bijchw,hwcf->bijf", windows, kernel)


@pytest.fixture
def convolve():
    """convolve(x, kernel): a network's 3x3 convolution, zeros around the image."""
    return _convolve


@pytest.fixture
def weights_of():
    """weights_of(layer): draws new kernels; returns them as float64 arrays by name."""

    def draw(layer):
        rng = np.random.default_rng(7)
        found = {}
        for part in vars(layer).values():
            if isinstance(part, keras.layers.Layer) and part.weights:
                (kernel,) = part.weights
                kernel.assign(rng.normal(0, 0.3, kernel.shape))
                found[part.name] = kernel.numpy().astype(np.float64)
        return found

    return draw


@pytest.fixture
def features():
    """features(*shape): a draw from N(0, 1), always the same, float32."""
    return lambda *shape: (
        np.random.default_rng(11).normal(size=shape).astype(np.float32)
    )
