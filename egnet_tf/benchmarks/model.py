"""Measures size, run time and memory of networks: the paper's Table 2.

python -m egnet_tf.benchmarks model --variants=egnet,mprnet --sizes=256,720x1280
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from egnet_tf.benchmarks.memory import peak_memory
from egnet_tf.benchmarks.networks import (
    PRECISIONS,
    SIZES_HELP,
    Size,
    build_for,
    combined,
    forward,
)
from egnet_tf.benchmarks.timing import time_in_turns
from egnet_tf.options import option


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    variants: tuple[str, ...] = option(("egnet", "mprnet"), "Variants of the network.")
    sizes: tuple[str, ...] = option(("256",), SIZES_HELP)
    precision: tuple[str, ...] = option(
        PRECISIONS, "Precisions of the network's inner values.", choices=PRECISIONS
    )
    jit_compile: bool = option(False, "Compile with XLA.")
    repetitions: int = option(5, "Number of timed runs.", lower=1)


class ModelCost(NamedTuple):
    """One row of the result.

    Attributes:
        size: of the image, height x width in pixels.
        with_ensemble: parameters of network and self-ensemble network together.
        giga_multiply_adds: of one forward pass, see `egnet_tf.models.multiply_adds`.
        seconds: of one forward pass on one image, see `Timing`.
        time_ratio: to the first precision.
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


def measure(options: Options) -> list[ModelCost]:
    """Measures networks; a row for each size and precision.

    Raises:
        InputError: there is no such variant, or it does not take such images.
    """
    return [
        row
        for name, size in combined(options.variants, options.sizes)
        for row in _measure(name, size, options)
    ]


def _measure(variant: str, size: Size, options: Options) -> list[ModelCost]:
    """Measures one network on one image, in each precision in turns."""
    from egnet_tf.models import build_ensemble, multiply_adds

    networks = {name: build_for(variant, size, name) for name in options.precision}
    first, *_ = networks.values()
    parameters = first.count_params()
    ensemble = build_ensemble(variant).count_params()
    static = build_for(variant, size, attention_block=None)
    cost = multiply_adds(static, *size) / 1e9
    jit = options.jit_compile
    times = time_in_turns(
        {name: forward(net, size, jit) for name, net in networks.items()},
        options.repetitions,
    )
    return [
        ModelCost(
            variant,
            str(size),
            name,
            parameters,
            parameters + ensemble,
            cost,
            *times[name],
            peak_memory(_build_and_run, variant, size, name, jit) / 1e6,
        )
        for name in options.precision
    ]


def _build_and_run(variant: str, size: Size, precision: str, jit_compile: bool) -> None:
    forward(build_for(variant, size, precision), size, jit_compile)()
