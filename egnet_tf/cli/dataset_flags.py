"""The flags that say which pairs a command reads, the same in every command."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from absl.flags import FlagValues

from egnet_tf.cli import flags
from egnet_tf.data import registry
from egnet_tf.data.pairs import Pairs
from egnet_tf.images.cache import DEFAULT_LIMIT
from egnet_tf.options import option


@dataclasses.dataclass(frozen=True)
class DatasetOptions:
    """A dataset, one of its splits, and the options of all datasets."""

    dataset: str = option(
        "samples",
        "The dataset, or several as name[:folder][*weight],... (docs/data.md). "
        f"Names are {', '.join(registry.datasets())}.",
    )
    data_dir: str = option(
        "", "The folder of the datasets that --dataset names without one."
    )
    split: str = option(
        "test", "The part of the dataset that is read.", choices=registry.SPLITS
    )
    seed: int = option(0, "The seed of blur that is made on the fly.")
    each: Mapping[str, Any] = dataclasses.field(
        default_factory=registry.default_options
    )


def define(values: FlagValues, dataset: str = "samples", split: str = "test") -> None:
    """Defines the flags, with these defaults of --dataset and --split."""
    flags.define(lambda: DatasetOptions(dataset=dataset, split=split), values)


def open_pairs(
    values: FlagValues,
    split: str | None = None,
    cache_bytes: int = DEFAULT_LIMIT,
    *,
    results: bool = False,
) -> Pairs:
    """Opens the pairs that parsed flags name, of `split` in the place of --split.

    For `results`, see `registry.open_pairs`.

    Raises:
        InputError: there is no such dataset, or its files are not as expected.
    """
    options = flags.read(DatasetOptions, values)
    return registry.open_pairs(
        options.dataset,
        data_dir=options.data_dir or None,
        split=split or options.split,
        seed=options.seed,
        options=options.each,
        cache_bytes=cache_bytes,
        results=results,
    )


def chosen(values: FlagValues) -> dict[str, str]:
    """The datasets' options that are not as usual: {"gopro_blur": "gamma"}."""
    return flags.changed(registry.default_options, values)


def title(values: FlagValues) -> str:
    """Dataset, split and unusual options: "gopro test, gopro_blur=gamma"."""
    unusual = [f"{name}={text}" for name, text in chosen(values).items()]
    return ", ".join([f"{values.dataset} {values.split}", *unusual])
