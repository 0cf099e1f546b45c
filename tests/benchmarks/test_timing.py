import pytest

from egnet_tf.benchmarks import timing


@pytest.fixture
def clock(monkeypatch):
    """A clock that only goes on when told: clock(seconds)."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

    def advance(seconds):
        now[0] += seconds

    return advance


def test_works_take_turns_after_a_run_that_does_not_count(clock):
    calls = []

    def work(name, seconds):
        calls.append(name)
        # The first run, of tracing and compiling, is slow.
        clock(seconds if calls.count(name) > 1 else 60)

    works = {"a": lambda: work("a", 2), "b": lambda: work("b", 3 + len(calls))}
    times = timing.run_times(works, 3)
    assert calls == ["a", "b"] * 4
    assert times == {"a": [2, 2, 2], "b": [6, 8, 10]}


def test_the_ratio_compares_what_ran_at_the_same_time():
    # The machine is ten times slower in the last two rounds: medians of each would
    # compare a fast with a slow one.
    times, reference = [1.0, 10.0, 10.0], [2.0, 20.0, 30.0]
    assert timing.median_ratio(times, reference) == pytest.approx(0.5)
