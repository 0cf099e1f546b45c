"""Run times that can be compared: warm, synchronised, and taken in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

_Key = TypeVar("_Key", bound=Hashable)


class Timing(NamedTuple):
    """A run time beside that of a reference.

    Attributes:
        seconds: the reference's median times `ratio`, so that the seconds of several
            functions can be compared: a plain median would also tell which of them had
            the slower rounds.
        ratio: the median over the rounds of time / time of the reference.
    """

    seconds: float
    ratio: float


def time_in_turns(
    functions: Mapping[_Key, Callable[[], object]], repetitions: int
) -> dict[_Key, Timing]:
    """Times several functions in turns, each once a round; the first is the reference.

    In turns, because a machine gets slower and faster while others use it: what is
    compared then ran at about the same time. Each function runs once before, which is
    not counted (tracing, compiling, first allocations). A time ends when all devices
    are done, not when their work is queued.
    """
    import tensorflow as tf

    for function in functions.values():
        function()
    times: dict[_Key, list[float]] = {name: [] for name in functions}
    for _ in range(repetitions):
        for name, function in functions.items():
            tf.test.experimental.sync_devices()
            start = time.perf_counter()
            function()
            tf.test.experimental.sync_devices()
            times[name].append(time.perf_counter() - start)
    return compared(times)


def compared(times: Mapping[_Key, Sequence[float]]) -> dict[_Key, Timing]:
    """Compares the times of several functions, a time for each round.

    The first is the reference.
    """
    reference = next(iter(times.values()))
    ratios = {
        name: statistics.median(a / b for a, b in zip(own, reference, strict=True))
        for name, own in times.items()
    }
    median = statistics.median(reference)
    return {name: Timing(ratio * median, ratio) for name, ratio in ratios.items()}
