"""The examples run as they stand."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
def test_example_of_egn_in_a_custom_network_learns():
    found = runpy.run_path(str(EXAMPLES / "egn_in_your_network.py"))
    losses = found["history"].history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    egn = found["unet"].get_layer("egn_stage1")
    # Its last convolution starts at zero and has been trained.
    assert abs(egn.get_layer("leave").get_weights()[0]).max() > 1e-4


def test_example_draws_the_same_patterns_from_a_seed(tmp_path):
    command = [sys.executable, EXAMPLES / "draw_patterns.py"]
    for folder, seed in (("one", 1), ("same", 1), ("other", 2)):
        options = ["--images=2", f"--seed={seed}"]
        subprocess.run([*command, tmp_path / folder, *options], check=True)
    first, second = sorted((tmp_path / "one").iterdir())
    image = np.asarray(Image.open(first))
    assert image.shape == (768, 1024, 3) and np.ptp(image) > 100
    assert first.read_bytes() == (tmp_path / "same" / first.name).read_bytes()
    assert first.read_bytes() != second.read_bytes()
    (other, _) = sorted((tmp_path / "other").iterdir())
    assert first.read_bytes() != other.read_bytes()


def test_drawn_lines_have_the_period_they_were_drawn_with():
    drawn = runpy.run_path(str(EXAMPLES / "draw_patterns.py"))
    shortest, longest = drawn["SHORTEST"], drawn["LONGEST"]
    for seed in range(20):
        wave = drawn["_wave"](np.arange(2048.0), np.random.default_rng(seed))
        assert 0 <= wave.min() < wave.max() <= 1
        strength = np.abs(np.fft.rfft(wave - wave.mean()))
        # Nothing is slower than the wave itself: lines do not alias.
        slowest = 2048 / np.flatnonzero(strength > 0.3 * strength.max())[0]
        assert 0.98 * shortest < slowest < 1.02 * longest
