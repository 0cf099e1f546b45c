import pytest

from egnet_tf.benchmarks import timing


@pytest.fixture
def clock(monkeypatch):
    """A clock that advances only when told to: clock(seconds)."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

    def advance(seconds):
        now[0] += seconds

    return advance


def test_timed_functions_alternate_after_an_uncounted_warm_up(clock):
    calls = []

    def function(name, seconds):
        calls.append(name)
        # The first run, of tracing and compiling, is slow.
        clock(seconds if calls.count(name) > 1 else 60)

    functions = {
        "a": lambda: function("a", 2),
        "b": lambda: function("b", 3 + len(calls)),
    }
    times = timing.time_in_turns(functions, 3)
    assert calls == ["a", "b"] * 4
    assert times == {"a": (2, 1), "b": (8, 4)}  # Of 6, 8 and 10 beside 2.


def test_timing_compares_functions_within_the_same_round(clock):
    # The machine is ten times slower in some rounds, and the plain medians would
    # compare a fast with a slow one.
    rounds = iter([0, 0, 1, 2, 10, 20, 10, 1, 1, 2, 10, 20])
    functions = dict.fromkeys("ab", lambda: clock(next(rounds)))
    times = timing.time_in_turns(functions, 5)
    assert times["b"] == (20, 2) and times["a"] == (10, 1)
