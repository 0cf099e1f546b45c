"""The flags that say how a model restores, the same in every command."""

from __future__ import annotations

from typing import Any

from absl import flags

from egnet_tf.inference.resolve import load
from egnet_tf.inference.restorer import Restorer, default_memory_limit

_GIB = 2**30


class RestorerFlags:
    """Defines the flags; make one where a command's flags are defined."""

    def __init__(self):
        self._branches = flags.DEFINE_list(
            "branches",
            None,
            "Branches of the self-ensemble: half, whole, quarters, flips (which are "
            "flip_horizontal, flip_vertical, rotate180). By default what the model's "
            "trained ensemble fuses.",
        )
        self._tile = flags.DEFINE_integer(
            "tile",
            None,
            "Side of the tiles in pixels; 0: whole images, whatever memory they "
            "take. By default whole images within the memory limit, else the largest "
            "tiles.",
            lower_bound=0,
        )
        self._overlap = flags.DEFINE_integer(
            "overlap",
            None,
            "Pixels that tiles share. By default a quarter of a tile, at most 64.",
            lower_bound=0,
        )
        self._memory_limit = flags.DEFINE_float(
            "memory_limit",
            default_memory_limit() / _GIB,
            "GiB that an image and the network's pass over it, or over a tile, may "
            "take.",
            lower_bound=0.0,
        )
        self._local_pooling = flags.DEFINE_boolean(
            "local_pooling",
            False,
            "Pool over windows of 1.5 x the training crop instead of the image.",
        )

    def load(self, model: str) -> Restorer:
        """Loads a model, to restore as the flags say.

        Raises:
            InputError: see `egnet_tf.load`.
        """
        return load(
            model,
            branches=self._branches.value,
            tile=self._tile.value,
            overlap=self._overlap.value,
            memory_limit=int(self._memory_limit.value * _GIB),
            local_pooling=self._local_pooling.value,
        )

    def chosen(self) -> dict[str, Any]:
        """The flags that were given, with their values."""
        return {
            holder.name: holder.value
            for holder in vars(self).values()
            if holder.present
        }
