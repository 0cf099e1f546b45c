"""The flags that say which pairs a command reads, the same in every command."""

from __future__ import annotations

from absl import flags

from egnet_tf.cli import flags as option_flags
from egnet_tf.data import registry
from egnet_tf.data.pairs import Pairs
from egnet_tf.images.cache import DEFAULT_LIMIT


def define(
    values: flags.FlagValues,
    dataset: str | None = "samples",
    split: str | None = "test",
) -> None:
    """Defines the flags.

    Args:
        values: where to define them.
        dataset: default of --dataset; None where it must be given.
        split: default of --split; None for a command that chooses its splits itself.
    """
    flags.DEFINE_string(
        "dataset",
        dataset,
        "The dataset, or several as name[:folder][*weight],... (docs/data.md). "
        f"Names are {', '.join(registry.datasets())}.",
        required=dataset is None,
        flag_values=values,
    )
    flags.DEFINE_string(
        "data_dir",
        None,
        "The folder of the datasets that --dataset names without one.",
        flag_values=values,
    )
    if split:
        flags.DEFINE_enum(
            "split",
            split,
            registry.SPLITS,
            "The part of the dataset that is read.",
            flag_values=values,
        )
    flags.DEFINE_integer(
        "seed", 0, "The seed of blur that is made on the fly.", flag_values=values
    )
    option_flags.define(registry.default_options, values)


def open_pairs(
    values: flags.FlagValues,
    split: str | None = None,
    cache_bytes: int = DEFAULT_LIMIT,
) -> Pairs:
    """Opens the pairs that parsed flags name.

    Args:
        values: of the flags.
        split: in the place of --split.
        cache_bytes: see `egnet_tf.data.open_pairs`.

    Raises:
        InputError: there is no such dataset, or its files are not as expected.
    """
    return registry.open_pairs(
        values.dataset,
        data_dir=values.data_dir,
        split=split or values.split,
        seed=values.seed,
        options=option_flags.read(registry.default_options, values),
        cache_bytes=cache_bytes,
    )


def chosen(values: flags.FlagValues) -> dict[str, str]:
    """The datasets' options that are not as usual: {"gopro_blur": "gamma"}."""
    return option_flags.changed(registry.default_options, values)


def title(values: flags.FlagValues) -> str:
    """Dataset, split and unusual options: "gopro test, gopro_blur=gamma"."""
    unusual = [f"{name}={text}" for name, text in chosen(values).items()]
    return ", ".join([f"{values.dataset} {values.split}", *unusual])
