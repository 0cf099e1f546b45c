"""What a person may say about how a model restores."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

from egnet_tf.inference.branches import BRANCHES_HELP, FUSIONS, checked_branches
from egnet_tf.inference.runners.base import Accelerator
from egnet_tf.options import option


@dataclasses.dataclass(frozen=True)
class RestorerOptions:
    """See `egnet_tf.load`, which has the same arguments but takes bytes."""

    branches: tuple[str, ...] = option(
        (),
        "Branches of the self-ensemble, a set; by default those that the model's "
        f"trained ensemble fuses. Among {BRANCHES_HELP}",
        validate=checked_branches,
    )
    fuse: str | None = option(
        None,
        "How branches are fused: by the model's trained self-ensemble network, or as "
        "their mean. By default by the network if it was trained for these branches.",
        choices=FUSIONS,
    )
    tile: int | None = option(
        None,
        "Side of the tiles in pixels; 0 is for whole images, whatever memory they "
        "take. By default the model's own, which are 256 for egnet_mobile; with a "
        "model that has none, an image is restored whole within the memory limit, "
        "else in the largest tiles.",
        lower=0,
    )
    overlap: int | None = option(
        None,
        "Pixels that neighbouring tiles share. By default a quarter of a tile, at "
        "most 64.",
        lower=0,
    )
    memory_limit: float | None = option(
        None,
        "GiB that an image and the network's pass over it, or over a tile, may take. "
        "By default 8, or half of the machine's memory if that is less.",
        lower=0.0,
    )
    local_pooling: bool = option(
        False,
        "Pool over windows of 1.5 times the training crop instead of the image.",
    )
    accelerator: str = option(
        "auto",
        "What restores: cpu, gpu or npu. auto leaves it to the library that runs the "
        "model: TensorFlow takes a GPU if it finds one, and .tflite files a GPU in "
        "hardware that is correct and faster.",
        choices=get_args(Accelerator),
    )

    def __post_init__(self):
        """Checks the branches and puts them in order."""
        if self.branches:
            object.__setattr__(self, "branches", checked_branches(self.branches))

    def arguments(self) -> dict[str, Any]:
        """The arguments of `egnet_tf.load`, where a limit of memory is in bytes."""
        values = dataclasses.asdict(self)
        limit = self.memory_limit
        values["branches"] = self.branches or None
        values["memory_limit"] = None if limit is None else int(limit * 2**30)
        return values
