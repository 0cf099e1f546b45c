"""What recomputation saves: the memory of a training step with and without it."""

from __future__ import annotations

import statistics
from typing import NamedTuple

from egnet_tf.benchmarks.memory import peak_memory
from egnet_tf.benchmarks.networks import Size, build_for
from egnet_tf.benchmarks.timing import median_ratio, run_times
from egnet_tf.benchmarks.training_step import training_step


class StepCost(NamedTuple):
    """One row of the result.

    Attributes:
        variant: its name.
        size: of the crop, height x width in pixels.
        recompute: "no" or "yes".
        peak_megabytes: of a process that builds the network and trains it for one
            step on one crop, above its start.
        peak_ratio: to that without recomputation.
        seconds: of a step, the median.
        time_ratio: to that without recomputation, the median over the rounds.
    """

    variant: str
    size: str
    recompute: str
    peak_megabytes: float
    peak_ratio: float
    seconds: float
    time_ratio: float


def measure_recompute(
    variant: str, size: Size, precision: str = "float32", repetitions: int = 3
) -> list[StepCost]:
    """Measures training steps of one variant; a row without, a row with recomputation.

    Args:
        variant: its name.
        size: of the crop.
        precision: "float32" or "mixed_bfloat16".
        repetitions: timed steps of each kind.

    Raises:
        InputError: no such variant, or a size that it does not take.
    """
    kinds = {"no": False, "yes": True}
    peaks = {
        kind: peak_memory(_build_and_train, variant, size, precision, recompute) / 1e6
        for kind, recompute in kinds.items()
    }
    times = run_times(
        {
            kind: _step(variant, size, precision, recompute)
            for kind, recompute in kinds.items()
        },
        repetitions,
    )
    return [
        StepCost(
            variant,
            str(size),
            kind,
            peaks[kind],
            peaks[kind] / peaks["no"],
            statistics.median(times[kind]),
            median_ratio(times[kind], times["no"]),
        )
        for kind in kinds
    ]


def _step(variant: str, size: Size, precision: str, recompute: bool):
    network = build_for(variant, size, precision, recompute=recompute)
    return training_step(network, *size)


def _build_and_train(variant: str, size: Size, precision: str, recompute: bool):
    _step(variant, size, precision, recompute)()
