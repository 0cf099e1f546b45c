import math

import numpy as np
import pytest

from egnet_tf.data import Pair
from export.checks.parity import Tolerance, measure


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    sharp = rng.integers(40, 200, (24, 24, 3)).astype(np.uint8)
    return Pair((sharp + 20).astype(np.uint8), sharp)


def test_psnr_loss_of_an_export_equals_its_definition(pair):
    keras = [(pair.sharp + 4) / np.float32(255)]
    file = [(pair.sharp + 5) / np.float32(255)]
    parity = measure([pair], keras, file)
    assert parity.psnr_blurry == pytest.approx(20 * math.log10(255 / 20))
    assert parity.psnr_keras == pytest.approx(20 * math.log10(255 / 4))
    assert parity.db_lost == pytest.approx(20 * math.log10(5 / 4))
    assert parity.psnr_to_keras == pytest.approx(20 * math.log10(255), abs=1e-3)
    assert parity.largest_difference == pytest.approx(1 / 255, rel=1e-4)
    assert parity.ssim < parity.ssim_keras


def test_parity_names_each_broken_tolerance(pair):
    exact = [pair.sharp / np.float32(255) + 0.01]
    parity = measure([pair], exact, exact)
    assert math.isinf(parity.psnr_to_keras)
    assert Tolerance(0.0, 0.0).broken_by(parity) == ""
    nan = [np.full((24, 24, 3), np.nan, np.float32)]
    assert "difference" in Tolerance(math.inf, math.inf).broken_by(
        measure([pair], exact, nan)
    )
    worse = measure([pair], exact, [exact[0] + np.float32(0.02)])
    assert Tolerance(0.03, 20.0).broken_by(worse) == ""
    assert Tolerance(0.01, 20.0).broken_by(worse).startswith("a difference of 0.02")
    assert "dB lost" in Tolerance(math.inf, 0.1).broken_by(worse)
