"""The flags that say how a model restores, the same in every command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from absl import flags

from egnet_tf.cli import flags as option_flags
from egnet_tf.inference.options import RestorerOptions

if TYPE_CHECKING:
    from egnet_tf.inference.restorer import Restorer


def define(values: flags.FlagValues) -> None:
    """Defines the flags."""
    option_flags.define(RestorerOptions, values)


def load(values: flags.FlagValues, model: str) -> Restorer:
    """Loads a model, to restore as the flags say.

    Raises:
        InputError: see `egnet_tf.load`.
    """
    import egnet_tf

    options = option_flags.read(RestorerOptions, values)
    limit = options.memory_limit
    return egnet_tf.load(
        model,
        branches=options.branches or None,
        tile=options.tile,
        overlap=options.overlap,
        memory_limit=None if limit is None else int(limit * 2**30),
        local_pooling=options.local_pooling,
    )


def chosen(values: flags.FlagValues) -> dict[str, str]:
    """The flags that are not as usual, with their texts: {"branches": "whole"}."""
    return option_flags.changed(RestorerOptions, values)
