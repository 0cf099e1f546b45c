"""Run times that can be compared: warm, synchronised, and taken in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import tensorflow as tf


def run_times(
    works: Mapping[str, Callable[[], object]], repetitions: int
) -> dict[str, list[float]]:
    """Times several works in turns, each once a round.

    In turns, because a machine gets slower and faster while others use it: what is
    compared is then what ran at about the same time. Each work runs once before,
    which is not counted (tracing, compiling, first allocations). A time ends when
    all devices are done, not when their work is queued.

    Args:
        works: what to time, by name.
        repetitions: rounds.

    Returns:
        The seconds of each round, by name.
    """
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repetitions):
        for name, work in works.items():
            tf.test.experimental.sync_devices()
            start = time.perf_counter()
            work()
            tf.test.experimental.sync_devices()
            times[name].append(time.perf_counter() - start)
    return times


def median_ratio(times: list[float], reference: list[float]) -> float:
    """The median over the rounds of time / reference."""
    return statistics.median(
        one / other for one, other in zip(times, reference, strict=True)
    )
