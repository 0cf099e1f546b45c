import time

import pytest

from egnet_tf.training.log import Stopwatch, points_every


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
