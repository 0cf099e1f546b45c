"""The flags that say how a model restores, the same in every command."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from absl import flags

from egnet_tf.cli import flags as option_flags
from egnet_tf.cli.quiet_tensorflow import muted_stderr
from egnet_tf.inference.options import RestorerOptions
from egnet_tf.inference.resolve import installed_form, resolve

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
    # LiteRT announces its delegate for the CPU, and has no setting that stops it.
    litert = installed_form(resolve(model)).kind == "tflite"
    with muted_stderr() if litert else contextlib.nullcontext():
        return egnet_tf.load(model, **options.arguments())
