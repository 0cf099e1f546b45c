"""Position attention by blocks of queries against the whole matrix at once."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from egnet_tf.benchmarks.memory import peak_memory
from egnet_tf.benchmarks.timing import median_ratio, run_times
from egnet_tf.layers import blockwise_attention, plain_attention

_DRAWN = ("queries", "keys", "values", "upstream")


class AttentionCost(NamedTuple):
    """One row of the result, of values and gradients together.

    Attributes:
        form: "plain" or "blocks of N".
        positions: queries, and as many keys.
        channels: of queries, keys and values.
        peak_megabytes: of a process that computes it once, above its start.
        peak_ratio: to the plain form.
        seconds: the median.
        time_ratio: to the plain form, the median over the rounds.
        value_difference: the largest to the plain form, as a share of its largest
            value.
        gradient_difference: the same of the gradients of queries, keys and values;
            the largest of the three.
    """

    form: str
    positions: int
    channels: int
    peak_megabytes: float
    peak_ratio: float
    seconds: float
    time_ratio: float
    value_difference: float
    gradient_difference: float


def measure_attention(
    positions: int = 14_400,
    channels: int = 192,
    block: int = 1024,
    repetitions: int = 3,
) -> list[AttentionCost]:
    """Measures the plain form and the blocks; a row for each.

    Args:
        positions: queries, and as many keys; 14,400 are a quarter of 1280 x 720.
        channels: of queries, keys and values.
        block: queries at a time.
        repetitions: timed computations of each form.
    """
    sizes = {"plain": None, f"blocks of {block}": block}
    peaks = {
        form: peak_memory(_compute, positions, channels, size) / 1e6
        for form, size in sizes.items()
    }
    works = {form: _work(positions, channels, size) for form, size in sizes.items()}
    times = run_times(works, repetitions)
    plain_value, *plain_gradients = works["plain"]()
    rows = []
    for form, work in works.items():
        value, *gradients = work()
        rows.append(
            AttentionCost(
                form,
                positions,
                channels,
                peaks[form],
                peaks[form] / peaks["plain"],
                statistics.median(times[form]),
                median_ratio(times[form], times["plain"]),
                _largest_difference([value], [plain_value]),
                _largest_difference(gradients, plain_gradients),
            )
        )
    return rows


def _compute(positions: int, channels: int, block: int | None) -> None:
    _work(positions, channels, block)()


def _work(positions: int, channels: int, block: int | None) -> Callable[[], list]:
    """A function that returns the value and the gradients of queries, keys, values."""
    queries, keys, values, upstream = (
        tf.random.stateless_normal((1, positions, channels), seed=(0, index))
        for index in range(len(_DRAWN))
    )
    # Products of standard deviation 4: each query attends to some keys among thousands,
    # so that values and gradients are of the order 1.
    queries *= 4 * channels**-0.5

    @tf.function(autograph=False)
    def compute(queries, keys, values, upstream):
        inputs = [queries, keys, values]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            if block is None:
                value = plain_attention(*inputs)
            else:
                value = blockwise_attention(*inputs, block)
        return [value, *tape.gradient(value, inputs, upstream)]

    return lambda: compute(queries, keys, values, upstream)


def _largest_difference(ones: list[tf.Tensor], others: list[tf.Tensor]) -> float:
    return max(
        float(tf.reduce_max(tf.abs(one - other)) / tf.reduce_max(tf.abs(other)))
        for one, other in zip(ones, others, strict=True)
    )
