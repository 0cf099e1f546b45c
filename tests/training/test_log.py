import math
import time

import pytest

from egnet_tf.training.log import Stopwatch, loss_scalars, points_every


def test_stopwatch_separates_waiting_from_work(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    stopwatch = Stopwatch(batch_size=8)
    for _ in range(3):
        with stopwatch.waiting():
            now[0] += 3
        now[0] += 1  # A training step.
        stopwatch.count_step()
    assert stopwatch.rates() == {
        "input/images_per_second": 2.0,
        "input/waiting_share": pytest.approx(0.75),
    }


def test_values_of_a_long_phase_are_thinned_out():
    assert points_every(500) == 1
    assert points_every(6_000_000) == 600


def test_shares_are_of_the_weighted_terms_and_sum_to_one():
    values = {"content": 0.02, "content/stage1": 0.015, "content/stage2": 0.005}
    values |= {"gradient": 0.4, "gradient/stage1": 0.3, "gradient/stage2": 0.1}
    values |= {"loss": 0.04, "psnr": 30.0, "gradient_norm": 2.0, "stop": 0.0}
    scalars = loss_scalars(values, {"content": 1.0, "gradient": 0.05})
    assert scalars["loss/total"] == 0.04
    assert scalars["loss/gradient/stage1"] == 0.3  # Unweighted.
    shares = {
        name.removeprefix("loss_share/"): value
        for name, value in scalars.items()
        if name.startswith("loss_share/")
    }
    assert shares == pytest.approx(
        {
            **{"content": 0.5, "content/stage1": 0.375, "content/stage2": 0.125},
            **{"gradient": 0.5, "gradient/stage1": 0.375, "gradient/stage2": 0.125},
        }
    )
    assert not {"loss/psnr", "loss/gradient_norm", "loss/stop"} & set(scalars)
    # A loss of zero has no shares.
    nothing = loss_scalars({"loss": 0.0, "content": 0.0}, {"content": 1.0})
    assert math.isnan(nothing["loss_share/content"])
