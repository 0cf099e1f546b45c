"""What two choices about the layout of MPRNet's graph save, without changing a number.

Patches of the hierarchy lie on the batch axis, so that a layer runs once for all of
them; before, each patch stood apart. And 1x1 convolutions run before the bilinear
up-sampling with which they commute; before, in the published order, they ran behind
it on four times the pixels, and each side of stage 3's context was up-sampled by
itself. The network of the published order is put together here, for the comparison.
"""

from __future__ import annotations

import importlib
import statistics
from collections.abc import Callable
from typing import NamedTuple
from unittest import mock

import keras

from egnet_tf.benchmarks.networks import Size, build_for, forward
from egnet_tf.benchmarks.timing import median_ratio, run_times
from egnet_tf.benchmarks.training_step import training_step
from egnet_tf.errors import InputError
from egnet_tf.layers import Upsample
from egnet_tf.models import variant as variant_named

# By its name: `egnet_tf.models.mprnet` is the function.
_mprnet = importlib.import_module("egnet_tf.models.mprnet")


class LayoutCost(NamedTuple):
    """One row of the result.

    Attributes:
        change: what was done to the graph.
        variant: its name.
        size: of the image, height x width in pixels.
        work: "forward" or "training step", of one image.
        seconds_before: the median.
        seconds_after: the median.
        time_ratio: after / before, the median over the rounds.
    """

    change: str
    variant: str
    size: str
    work: str
    seconds_before: float
    seconds_after: float
    time_ratio: float


def measure_layout(variant: str, size: Size, repetitions: int = 3) -> list[LayoutCost]:
    """Measures the network before and after each change, all in turns.

    Args:
        variant: its name, one with the backbone `mprnet`.
        size: of the image.
        repetitions: timed forward passes, and training steps, of each network.

    Raises:
        InputError: no such variant, another backbone, or a size that it does not take.
    """
    if variant_named(variant).backbone != "mprnet":
        raise InputError(f"Expected a variant of mprnet. Received: {variant}")
    after = build_for(variant, size)
    before = {
        "patches on the batch axis": build_for(variant, size, stack_patches=False),
        "1x1 before up-sampling": build_in_published_order(variant, size),
    }
    works: dict[str, Callable[[keras.Model], Callable]] = {
        "forward": lambda network: forward(network, size),
        "training step": lambda network: training_step(network, *size),
    }
    rows = []
    for work, make in works.items():
        networks = {"after": after, **before}
        times = run_times(
            {name: make(network) for name, network in networks.items()}, repetitions
        )
        rows += [
            LayoutCost(
                change,
                variant,
                str(size),
                work,
                statistics.median(times[change]),
                statistics.median(times["after"]),
                median_ratio(times["after"], times[change]),
            )
            for change in before
        ]
    return sorted(rows, key=lambda row: row.change)


def build_in_published_order(variant: str, size: Size) -> keras.Model:
    """The same network with its 1x1 convolutions behind the up-sampling.

    Args:
        variant: its name, one with the backbone `mprnet`.
        size: of the images that it will see.

    Returns:
        A network with the layers of `egnet_tf.models.build`, by the same names.
    """
    with mock.patch.object(_mprnet, "_Blocks", _PublishedOrder):
        return build_for(variant, size)


class _PublishedOrder(_mprnet._Blocks):
    """Every way up as Zamir et al. publish it: up-sampling first, then the 1x1."""

    def decoder(self, prefix: str) -> Callable:
        levels = self.levels(prefix)
        skips = [self.cabs(self.widths[i], 1, f"{prefix}_skip{i + 1}") for i in (0, 1)]
        ups = [
            _mprnet._conv(self.widths[i], 1, f"{prefix}_up{i + 2}{i + 1}")
            for i in (0, 1)
        ]
        double = Upsample(name=f"{prefix}_double")

        def apply(level1, level2, level3):
            third = levels[2](level3)
            second = levels[1](_mprnet._add(ups[1](double(third)), skips[1](level2)))
            first = levels[0](_mprnet._add(ups[0](double(second)), skips[0](level1)))
            return first, second, third

        return apply

    def context(self, encoded, decoded, level: int, filters: int):
        widths = [*self.widths[:level][::-1], filters]
        sides = []
        for features, side in ((encoded, "encoder"), (decoded, "decoder")):
            for step, width in enumerate(widths):
                if step < level:
                    features = Upsample()(features)
                name = f"stage3_{side}{level + 1}_conv{step + 1}"
                features = _mprnet._conv(width, 1, name)(features)
            sides.append(features)
        return _mprnet._add(*sides)
