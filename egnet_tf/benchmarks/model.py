"""Measures size, run time and memory of networks: the paper's Table 2.

python -m egnet_tf.benchmarks model --variants=mprnet,egnet --sizes=256,720x1280

All networks of one size are timed in turns, so the ratio of EGNet's time to MPRNet's is
one of the same minutes on the same machine. The rows of the paper follow.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

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
from egnet_tf.inference.branches import PAPER_BRANCHES, shrinkage
from egnet_tf.models.variants import variant
from egnet_tf.options import option
from egnet_tf.paper.published import TABLE_2

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    variants: tuple[str, ...] = option(
        ("mprnet", "egnet"),
        "Variants of the network; times are compared with the first one's.",
    )
    sizes: tuple[str, ...] = option(("256",), SIZES_HELP)
    precision: tuple[str, ...] = option(
        PRECISIONS, "Precisions of the network's inner values.", choices=PRECISIONS
    )
    self_ensemble: bool = option(
        True, "Time the paper's self-ensemble of the networks with EGN, too."
    )
    published: bool = option(True, "Put the rows of the paper's Table 2 below.")
    jit_compile: bool = option(False, "Compile with XLA.")
    repetitions: int = option(5, "Number of timed runs.", lower=1)


class ModelCost(NamedTuple):
    """One row of the result; what a row does not have is None.

    Attributes:
        size: of the image, height x width in pixels.
        precision: of `PRECISIONS`, or "published" in the rows of the paper.
        with_ensemble: parameters of network and self-ensemble network together.
        giga_multiply_adds: of one forward pass, see `egnet_tf.models.multiply_adds`.
        seconds: of one forward pass on one image, see `Timing`.
        time_ratio: to the first variant in the first precision; of the published
            seconds to the published ones of that variant.
        ensemble_seconds: of the paper's self-ensemble on one image: the network on
            the half-size, the whole and the quartered image, 2.25 times the pixels,
            and the network that fuses the three.
        peak_megabytes: of a process that builds the network and runs it once, above
            its start.
        published_size: "Model Size (MB)" as printed, see `PublishedCost`.
    """

    variant: str
    size: str | None = None
    precision: str = "published"
    parameters: int | None = None
    with_ensemble: int | None = None
    giga_multiply_adds: float | None = None
    seconds: float | None = None
    time_ratio: float | None = None
    ensemble_seconds: float | None = None
    peak_megabytes: float | None = None
    published_size: float | None = None


def measure(options: Options) -> list[ModelCost]:
    """Measures networks; a row for each size, variant and precision.

    Raises:
        InputError: there is no such variant, or it does not take such images.
    """
    sizes = dict.fromkeys(size for _, size in combined(options.variants, options.sizes))
    rows = [row for size in sizes for row in _measure(size, options)]
    return [*rows, *(_published(options.variants[0]) if options.published else ())]


def _measure(size: Size, options: Options) -> Iterator[ModelCost]:
    """Measures all networks on one image, in turns."""
    from egnet_tf.models import build_ensemble, multiply_adds

    jit = options.jit_compile
    rows = list(itertools.product(options.precision, options.variants))
    networks = {row: build_for(row[1], size, row[0]) for row in rows}
    functions = {(*row, ""): forward(networks[row], size, jit) for row in rows}
    for precision, name in rows if options.self_ensemble else ():
        if _takes_self_ensemble(name, size):
            network = _self_ensemble(networks[precision, name], name)
            functions[precision, name, "ensemble"] = forward(network, size, jit)
    times = time_in_turns(functions, options.repetitions)
    for precision, name in rows:
        parameters = networks[precision, name].count_params()
        static = build_for(name, size, attention_block=None)
        together = times.get((precision, name, "ensemble"))
        peak = peak_memory(_build_and_run, name, size, precision, jit)
        yield ModelCost(
            name,
            str(size),
            precision,
            parameters,
            parameters + build_ensemble(name).count_params(),
            multiply_adds(static, *size) / 1e9,
            *times[precision, name, ""],
            ensemble_seconds=together.seconds if together else None,
            peak_megabytes=peak / 1e6,
        )


def _takes_self_ensemble(name: str, size: Size) -> bool:
    """Whether it is the paper's (on EGN), and its branches fit the image."""
    chosen = variant(name)
    multiple = chosen.size_multiple * shrinkage(PAPER_BRANCHES)
    return chosen.egn is not None and not any(side % multiple for side in size)


def _self_ensemble(network: keras.Model, name: str) -> Callable:
    """The network on all branches, fused; takes and returns (1, H, W, 3)."""
    from egnet_tf.inference.branches import branch_images
    from egnet_tf.models import build_ensemble, finest

    ensemble = build_ensemble(name)

    def restore(image, training):
        images = branch_images(
            lambda x: finest(network(x, training=training)),
            image,
            size_multiple=variant(name).size_multiple,
        )
        return ensemble(images, training=training)

    return restore


def _published(reference: str) -> Iterator[ModelCost]:
    """The paper's rows; their ratios are to the row of a variant, if it has one."""
    titles = {"MPRNet": "mprnet", "DMPHN": "dmphn", "MIMO-UNet+": "mimo_unet_plus"}
    titles["EGNet"] = "egnet"
    found = [cost for name, cost in TABLE_2.items() if titles.get(name) == reference]
    for name, cost in TABLE_2.items():
        ratio = cost.seconds / found[0].seconds if found else None
        yield ModelCost(
            name, seconds=cost.seconds, time_ratio=ratio, published_size=cost.size
        )


def _build_and_run(variant: str, size: Size, precision: str, jit_compile: bool) -> None:
    forward(build_for(variant, size, precision), size, jit_compile)()
