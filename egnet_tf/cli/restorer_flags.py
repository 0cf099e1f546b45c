"""The flags that say how a model restores, the same in every command."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
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


def load(values: flags.FlagValues, model: str, devices: str | None = None) -> Restorer:
    """Loads a model, to restore as the flags say.

    The devices are those of `egnet_tf.load`; "" is for the first one, and all cores.

    Raises:
        InputError: see `egnet_tf.load`.
    """
    import egnet_tf

    options = option_flags.read(RestorerOptions, values)
    # LiteRT announces its delegate for the CPU, and has no setting that stops it.
    litert = installed_form(resolve(model)).kind == "tflite"
    if not devices and devices is not None:
        devices = "all" if litert else None
    with _muted_native_code() if litert else contextlib.nullcontext():
        restorer = egnet_tf.load(model, devices=devices, **options.arguments())
    if values["accelerator"].present:
        print(f"restoring on {restorer.runner.device}")
    return restorer


@contextlib.contextmanager
def _muted_native_code() -> Iterator[None]:
    """Discards what native code writes to stderr; warnings in Python get through."""
    with muted_stderr() as kept:
        if sys.stderr is not sys.__stderr__:  # Does not lead to the process's stderr.
            yield
            return
        with (
            open(kept, "w", encoding=sys.stderr.encoding, closefd=False) as stream,
            contextlib.redirect_stderr(stream),
        ):
            yield
