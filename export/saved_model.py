"""Writes a SavedModel: python -m export.saved_model --model=egnet --output=models/x.

The next version, models/x/1, 2, ..., for TensorFlow Serving and for
`tf.saved_model.load`: images of any size, as floats or as the bytes of JPEG and PNG
files. It is run by TensorFlow alone, in a process of its own, and compared with the
Keras model before it is moved into place. Needs the extra `serving`.
"""

from __future__ import annotations

import functools
from pathlib import Path

from absl import flags

from egnet_tf.cli import app, dataset_flags
from export import command
from export.checks.images import ODD_SIZE
from export.checks.source import open_source

MAX_PIXELS = 2**21
"""Just above 1920 x 1080."""


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command."""
    command.define_flags(values, checked=4)
    command.define_branches(values, None)
    flags.DEFINE_integer(
        "max_pixels",
        MAX_PIXELS,
        "The largest number of pixels in a request; larger requests are refused.",
        lower_bound=1,
        flag_values=values,
    )


def main(values: flags.FlagValues) -> None:
    """Writes the next version and prints how large and how exact it is."""
    command.require_extra("serving", "tensorflow_serving")
    source = open_source(
        values.model,
        dataset_flags.open_pairs(values),
        dataset_flags.title(values),
        branches=values.branches,
        size=ODD_SIZE,
        limit=values.checked,
    )

    from export.checks.table import write_all
    from export.saved_model_writer import write_version

    folder = Path(values.output)
    write_all([functools.partial(write_version, source, folder, values.max_pixels)])


if __name__ == "__main__":
    app.run(define_flags, main)
