"""What the package lpips is handed; the package itself is not installed here."""

import contextlib
import sys
import types

import numpy as np
import pytest

from egnet_tf.errors import InputError
from egnet_tf.metrics import PROTOCOLS, perceptual
from helpers import random_image


@pytest.fixture
def package(monkeypatch):
    """Stands in for lpips and torch: the mean difference of what it is given."""
    handed = []

    class Network:
        def __init__(self, **options):
            handed.append(options)

        def eval(self):
            return self

        def __call__(self, one, other):
            handed.extend([one, other])
            return np.mean(np.abs(one - other))

    torch = types.SimpleNamespace(
        from_numpy=lambda array: array, no_grad=contextlib.nullcontext
    )
    for name, module in {
        "torch": torch,
        "lpips": types.SimpleNamespace(LPIPS=Network),
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("egnet_tf.metrics.perceptual.require", lambda *modules: None)
    perceptual._network.cache_clear()
    yield handed
    perceptual._network.cache_clear()


def test_images_are_handed_in_the_range_that_the_package_expects(package):
    restored, sharp = random_image((2, 20, 30, 3))
    restored[0, 0], restored[0, 1] = 0, 255
    score = PROTOCOLS["lpips"].score(restored, sharp)
    options, one, other = package
    assert options == {"net": "alex", "version": "0.1", "verbose": False}
    for given, image in ((one, restored), (other, sharp)):
        assert given.shape == (1, 3, 20, 30) and given.dtype == np.float32
        expected = (image.astype(float) / 255 - 0.5) * 2
        np.testing.assert_allclose(given[0].transpose(1, 2, 0), expected, atol=1e-6)
    assert (one.min(), one.max()) == (-1, 1)
    assert score.further == {"lpips": pytest.approx(np.abs(one - other).mean())}
    assert np.isnan(score.psnr)


def test_missing_package_is_said_with_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="the extra lpips: pip install"):
        perceptual.lpips_alex(*random_image((2, 20, 30, 3)))
