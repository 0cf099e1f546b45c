"""The examples run as they stand."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
def test_example_of_egn_in_a_custom_network_learns():
    found = runpy.run_path(str(EXAMPLES / "egn_in_your_network.py"))
    losses = found["history"].history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    egn = found["unet"].get_layer("egn_stage1")
    # Its last convolution starts at zero and has been trained.
    assert abs(egn.get_layer("leave").get_weights()[0]).max() > 1e-4
