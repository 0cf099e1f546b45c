"""Measures the memory of a training step with and without recomputation.

python -m egnet_tf.benchmarks recompute --variants=egnet --sizes=256
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from egnet_tf.benchmarks.memory import peak_memory
from egnet_tf.benchmarks.networks import (
    PRECISIONS,
    SIZES_HELP,
    Size,
    build_for,
    combined,
)
from egnet_tf.benchmarks.timing import time_in_turns
from egnet_tf.options import option

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    variants: tuple[str, ...] = option(("egnet",), "Variants of the network.")
    sizes: tuple[str, ...] = option(("256",), SIZES_HELP)
    precision: tuple[str, ...] = option(
        ("float32",), "Precisions of the network's inner values.", choices=PRECISIONS
    )
    repetitions: int = option(5, "Number of timed runs.", lower=1)


class StepCost(NamedTuple):
    """One row of the result.

    Attributes:
        size: of the crop, height x width in pixels.
        recompute: "no" or "yes".
        peak_megabytes: of a process that builds the network and trains it for one
            step on one crop, above its start.
        peak_ratio: to that without recomputation.
        seconds: of a step, see `Timing`.
        time_ratio: to that without recomputation.
    """

    variant: str
    size: str
    recompute: str
    peak_megabytes: float
    peak_ratio: float
    seconds: float
    time_ratio: float


def measure(options: Options) -> list[StepCost]:
    """Measures training steps; two rows for each variant, size and precision.

    Raises:
        InputError: there is no such variant, or it does not take such images.
    """
    return [
        row
        for name, size in combined(options.variants, options.sizes)
        for precision in options.precision
        for row in _measure(name, size, precision, options.repetitions)
    ]


def _measure(
    variant: str, size: Size, precision: str, repetitions: int
) -> list[StepCost]:
    """Measures steps of one variant; a row without, a row with recomputation."""
    kinds = {"no": False, "yes": True}
    peaks = {
        kind: peak_memory(_build_and_train, variant, size, precision, recompute) / 1e6
        for kind, recompute in kinds.items()
    }
    times = time_in_turns(
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
            *times[kind],
        )
        for kind in kinds
    ]


def training_step(
    network: keras.Model, height: int, width: int
) -> Callable[[], tf.Tensor]:
    """Makes a function that trains all of a network on one random crop.

    It takes one step of Adam on the loss of Eq. 17, as in training but on one device,
    and returns the loss before the step.
    """
    import keras
    import tensorflow as tf

    from egnet_tf.loss_weights import LOSSES
    from egnet_tf.losses import stage_losses

    blurry, sharp = tf.random.stateless_uniform((2, 1, height, width, 3), seed=(0, 0))
    variables = network.trainable_variables
    optimizer = keras.optimizers.Adam(1e-6)
    optimizer.build(variables)

    @tf.function(autograph=False)
    def step(blurry: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            stages = network(blurry, training=True)
            loss = tf.reduce_sum(stage_losses(stages, sharp, LOSSES["egnet"])["loss"])
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    return lambda: step(blurry, sharp)


def _step(
    variant: str, size: Size, precision: str, recompute: bool
) -> Callable[[], object]:
    network = build_for(variant, size, precision, recompute=recompute)
    return training_step(network, *size)


def _build_and_train(variant: str, size: Size, precision: str, recompute: bool) -> None:
    _step(variant, size, precision, recompute)()
