"""What the export commands share: options, opening the model, the check of an extra."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

from absl.flags import FlagValues

from egnet_tf import models
from egnet_tf.cli import dataset_flags, flags
from egnet_tf.errors import InputError, require
from egnet_tf.inference.branches import (
    BRANCHES_HELP,
    FUSIONS,
    checked_branches,
    chosen_fusion,
    results_among,
)
from egnet_tf.inference.resolve import resolve
from egnet_tf.models.weights import read_branches
from egnet_tf.options import option

from .checks.images import check_pairs
from .checks.source import Source


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """What to export, where to, and how it is checked."""

    model: str = option(
        "", "A run's folder, or a variant whose weights come with the package."
    )
    output: str = option("", "The folder to write to.")
    checked: int = option(
        4,
        "The largest number of images on which a file is compared with Keras.",
        lower=1,
    )


@dataclasses.dataclass(frozen=True)
class BranchOptions(ExportOptions):
    """An export of one set of branches."""

    branches: tuple[str, ...] = option(
        (),
        "The branches of the self-ensemble, a set, fused inside the file; an empty "
        "list is for those that it was trained for. half,whole,quarters takes 2.25 "
        f"times as long as whole. Among {BRANCHES_HELP}",
        validate=checked_branches,
    )
    fuse: str | None = option(
        None,
        "How branches are fused: by the model's trained self-ensemble network, or as "
        "their mean. By default by the network if it was trained for these branches.",
        choices=FUSIONS,
    )


@dataclasses.dataclass(frozen=True)
class TileOptions(ExportOptions):
    """An export of one tile to LiteRT."""

    tile: int = option(256, "The side of the tile in pixels.", lower=16)
    calibration: int = option(
        200,
        "The number of crops of the training split on which the ranges of "
        "int8, int8_full and int16x8 are measured.",
        lower=1,
    )


_Options = TypeVar("_Options", bound=ExportOptions)


def define(options: Callable[[], ExportOptions], values: FlagValues) -> None:
    """Defines the flags of the options and those of the dataset."""
    flags.define(options, values)
    dataset_flags.define(values)


def read(options: Callable[[], _Options], values: FlagValues) -> _Options:
    """The options that parsed flags describe.

    Raises:
        InputError: there is no folder to write to, or TensorFlow is not installed.
    """
    require("tensorflow")
    chosen = flags.read(options, values)
    if not chosen.output:
        raise InputError("Expected --output, the folder to write to. Received: nothing")
    return chosen


def open_source(
    options: ExportOptions,
    values: FlagValues,
    *,
    branches: Sequence[str] = (),
    fuse: str | None = None,
    size: tuple[int, int],
    limit: int | None = None,
) -> Source:
    """Loads the model and cuts the images for the check.

    Args:
        options: name the model.
        values: flags that name the dataset.
        branches: of the self-ensemble; empty for those that the model's ensemble was
            trained for, or the whole image if it has none.
        fuse: how branches are fused, see `chosen_fusion`.
        size: height and width of the windows in pixels.
        limit: the largest number of windows, in place of --checked.

    Raises:
        InputError: there is no such model, branch or dataset.
    """
    weights = resolve(options.model).weights()
    fusion = chosen_fusion(branches, read_branches(weights), fuse)
    chosen = fusion.branches or ("whole",)
    if results_among(chosen):
        raise InputError(
            "Expected a model that restores blurry images. Received: one that fuses "
            f"results of {', '.join(results_among(chosen))}, {options.model}"
        )
    pairs = dataset_flags.open_pairs(values)
    windows = check_pairs(pairs, size, limit or options.checked)
    loaded = models.load(weights)
    title = dataset_flags.title(values)
    return Source(options.model, loaded, chosen, windows, title, fuse)
