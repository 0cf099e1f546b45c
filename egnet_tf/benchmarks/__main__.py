"""Measures what things cost on this machine.

python -m egnet_tf.benchmarks MEASUREMENT [flags]
python -m egnet_tf.benchmarks model --variants=mprnet,egnet --sizes=256,720x1280

model      size, run time and memory of networks: the paper's Table 2
pytorch    MPRNet beside a PyTorch implementation of it, in turns
attention  position attention in blocks against the whole matrix at once
recompute  memory of a training step with and without --recompute
input      how fast training crops come out of files and of synthetic blur
exported   run time and memory of exported files beside their Keras model
photo      memory of deblurring a photo from file to file, by its size
flicker    changes between successive frames of a restored video
seams      steps across the borders of tiles against the image restored whole

MEASUREMENT --help explains its flags. docs/cost.md says what was measured, and on what
machine.
"""

from __future__ import annotations

import importlib
import sys

from absl import flags

from egnet_tf.cli import app
from egnet_tf.cli import flags as option_flags
from egnet_tf.cli.table import show

MEASUREMENTS = (
    "model",
    "pytorch",
    "attention",
    "recompute",
    "input",
    "exported",
    "photo",
    "flicker",
    "seams",
)


def command(name: str) -> tuple[app.DefineFlags, app.Main]:
    """A measurement as a command: what defines its flags, and what runs it."""
    module = importlib.import_module(f"egnet_tf.benchmarks.{name}")

    def define(values: flags.FlagValues) -> None:
        option_flags.define(module.Options, values)
        flags.DEFINE_string(
            "output", None, "A CSV file to write the rows to, too.", flag_values=values
        )

    def measure(values: flags.FlagValues) -> None:
        options = option_flags.read(module.Options, values)
        show(module.measure(options), values.output)

    measure.__module__ = module.__name__  # Its docstring is what --help prints.
    return define, measure


def main() -> None:
    """Runs the measurement that the first word names, or lists all."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in MEASUREMENTS:
        del sys.argv[1]
        app.run(*command(name))
    if name not in ("--help", "-h"):
        sys.exit(
            f"error: Expected one of {', '.join(MEASUREMENTS)} (try --help). "
            f"Received: {name!a}"
        )
    print((__doc__ or "").strip())


if __name__ == "__main__":
    main()
