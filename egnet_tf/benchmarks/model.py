"""Size, run time and memory of the networks: the paper's Table 2."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from egnet_tf.benchmarks.memory import peak_memory
from egnet_tf.benchmarks.networks import Size, build_for, forward
from egnet_tf.benchmarks.timing import median_ratio, run_times
from egnet_tf.models import build_ensemble, multiply_adds


class ModelCost(NamedTuple):
    """One row of the result.

    Attributes:
        variant: its name.
        size: of the image, height x width in pixels.
        precision: of the network's inner values.
        parameters: of the network.
        with_ensemble: parameters of network and self-ensemble network together.
        giga_multiply_adds: of one forward pass, see `egnet_tf.models.multiply_adds`.
        seconds: of one forward pass on one image, the median.
        time_ratio: to the first precision, the median over the rounds.
        peak_megabytes: of a process that builds the network and runs it once, above
            its start.
    """

    variant: str
    size: str
    precision: str
    parameters: int
    with_ensemble: int
    giga_multiply_adds: float
    seconds: float
    time_ratio: float
    peak_megabytes: float


def measure_model(
    variant: str,
    size: Size,
    precisions: Sequence[str] = ("float32", "mixed_bfloat16"),
    jit_compile: bool = False,
    repetitions: int = 5,
) -> list[ModelCost]:
    """Measures one network on one image, in each precision; a row for each.

    Args:
        variant: its name.
        size: of the image.
        precisions: "float32" and "mixed_bfloat16"; timed in turns.
        jit_compile: compile with XLA.
        repetitions: timed forward passes in each precision.

    Raises:
        InputError: no such variant, or a size that it does not take.
    """
    networks = {name: build_for(variant, size, name) for name in precisions}
    first, *_ = networks.values()
    parameters = first.count_params()
    ensemble = build_ensemble(variant).count_params()
    static = build_for(variant, size, attention_block=None)
    cost = multiply_adds(static, *size) / 1e9
    times = run_times(
        {name: forward(net, size, jit_compile) for name, net in networks.items()},
        repetitions,
    )
    return [
        ModelCost(
            variant,
            str(size),
            name,
            parameters,
            parameters + ensemble,
            cost,
            statistics.median(times[name]),
            median_ratio(times[name], times[precisions[0]]),
            peak_memory(_build_and_run, variant, size, name, jit_compile) / 1e6,
        )
        for name in precisions
    ]


def _build_and_run(variant: str, size: Size, precision: str, jit_compile: bool):
    forward(build_for(variant, size, precision), size, jit_compile)()
