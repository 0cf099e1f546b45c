import time

import pytest

from egnet_tf.training.telemetry import Pace, Telemetry


def test_pace_tells_waiting_from_work(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def batches():
        for name in "abc":
            now[0] += 3  # Input.
            yield name

    pace = Pace(batches(), batch=8)
    for _ in pace:
        now[0] += 1  # A training step.
    assert pace.scalars() == {
        "input/images_per_second": 2.0,
        "input/waiting_share": pytest.approx(0.75),
    }


def test_a_long_phase_is_thinned_out(tmp_path):
    short, long = Telemetry(tmp_path, 500), Telemetry(tmp_path, 6_000_000)
    assert all(short.due(step) for step in range(1, 501))
    assert sum(long.due(step) for step in range(1, 60_001)) == 100
