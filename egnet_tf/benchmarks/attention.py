"""Measures position attention in blocks of queries against the whole matrix at once.

python -m egnet_tf.benchmarks attention --positions=14400 --block=1024
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from egnet_tf.benchmarks.memory import peak_memory
from egnet_tf.benchmarks.timing import time_in_turns
from egnet_tf.options import option

if TYPE_CHECKING:
    import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    positions: int = option(
        14_400, "Number of queries, and of keys: a quarter of 1280x720.", lower=1
    )
    channels: int = option(192, "Channels of queries, keys and values.", lower=1)
    block: int = option(1024, "Number of queries in a block.", lower=1)
    repetitions: int = option(5, "Number of timed runs.", lower=1)


class AttentionCost(NamedTuple):
    """One row of the result, of values and gradients together.

    Attributes:
        form: "plain" or "blocks of N".
        positions: queries, and as many keys.
        channels: of queries, keys and values.
        peak_megabytes: of a process that computes it once, above its start.
        peak_ratio: to the plain form.
        seconds: see `Timing`.
        time_ratio: to the plain form.
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


def measure(options: Options) -> list[AttentionCost]:
    """Measures the plain form and the blocks; a row for each."""
    positions, channels, block = options.positions, options.channels, options.block
    sizes = {"plain": None, f"blocks of {block}": block}
    peaks = {
        form: peak_memory(_compute, positions, channels, size) / 1e6
        for form, size in sizes.items()
    }
    functions = {
        form: _attention(positions, channels, size) for form, size in sizes.items()
    }
    times = time_in_turns(functions, options.repetitions)
    plain_value, *plain_gradients = functions["plain"]()
    rows = []
    for form, function in functions.items():
        value, *gradients = function()
        rows.append(
            AttentionCost(
                form,
                positions,
                channels,
                peaks[form],
                peaks[form] / peaks["plain"],
                *times[form],
                _largest_difference([value], [plain_value]),
                _largest_difference(gradients, plain_gradients),
            )
        )
    return rows


def _compute(positions: int, channels: int, block: int | None) -> None:
    _attention(positions, channels, block)()


def _attention(
    positions: int, channels: int, block: int | None
) -> Callable[[], list[tf.Tensor]]:
    """A function that returns the value and the gradients of queries, keys, values."""
    import tensorflow as tf

    from egnet_tf.layers import blockwise_attention, plain_attention

    queries, keys, values, upstream = (
        tf.random.stateless_normal((1, positions, channels), seed=(0, index))
        for index in range(4)
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
                value = plain_attention(queries, keys, values)
            else:
                value = blockwise_attention(queries, keys, values, block)
        return [value, *tape.gradient(value, inputs, upstream)]

    return lambda: compute(queries, keys, values, upstream)


def _largest_difference(ones: list[tf.Tensor], others: list[tf.Tensor]) -> float:
    import tensorflow as tf

    return max(
        float(tf.reduce_max(tf.abs(one - other)) / tf.reduce_max(tf.abs(other)))
        for one, other in zip(ones, others, strict=True)
    )
