"""What the commands share: the flags of an export, and the check of an extra."""

from __future__ import annotations

import importlib.util

from absl import flags

from egnet_tf.cli import dataset_flags
from egnet_tf.errors import InputError


def define_flags(values: flags.FlagValues, *, checked: int) -> None:
    """Defines the flags of every export.

    Args:
        values: where to define them.
        checked: default of --checked.
    """
    flags.DEFINE_string(
        "model",
        None,
        "A run's folder, or a variant whose weights come with the package.",
        required=True,
        flag_values=values,
    )
    flags.DEFINE_string(
        "output",
        None,
        "The folder to write to.",
        required=True,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "checked",
        checked,
        "The largest number of images on which a file is compared with Keras.",
        lower_bound=1,
        flag_values=values,
    )
    dataset_flags.define(values)


def define_calibration(values: flags.FlagValues) -> None:
    """Defines --tile and --calibration of the LiteRT files."""
    flags.DEFINE_integer(
        "tile",
        256,
        "The side of the tile in pixels.",
        lower_bound=16,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "calibration",
        200,
        "The number of crops of the dataset's training split on which the ranges of "
        "int8 and int16x8 are measured.",
        lower_bound=1,
        flag_values=values,
    )


def define_branches(values: flags.FlagValues, default: list[str] | None) -> None:
    """Defines --branches; the default None stands for those of the training."""
    flags.DEFINE_list(
        "branches",
        default,
        "The branches of the self-ensemble, fused inside the file; without a default, "
        "those that it was trained for. half,whole,quarters takes 2.25 times as long "
        "as whole.",
        flag_values=values,
    )


def require_extra(name: str, *modules: str) -> None:
    """Checks that an extra is installed, without importing it.

    Raises:
        InputError: one of its modules is missing.
    """
    missing = [m for m in modules if importlib.util.find_spec(m) is None]
    if missing:
        raise InputError(
            f"Expected the extra {name}: pip install '.[{name}]' in a checkout. "
            f"Received: no module {', '.join(missing)}"
        )
