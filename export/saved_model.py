"""Writes a SavedModel: python -m export.saved_model --model=egnet --output=models/x.

The next version, models/x/1, 2, ..., for TensorFlow Serving and for
`tf.saved_model.load`: images of any size, as floats or as the bytes of JPEG and PNG
files. It is run by TensorFlow alone, in a process of its own, and compared with the
Keras model before it is moved into place. Needs the extra `serving`.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

from absl.flags import FlagValues

from egnet_tf.cli import app
from egnet_tf.errors import require
from egnet_tf.options import option

from . import command
from .checks.images import ODD_SIZE
from .command import BranchOptions

MAX_PIXELS = 2**21
"""Just above 1920 x 1080."""


@dataclasses.dataclass(frozen=True)
class Options(BranchOptions):
    """The options of the command."""

    max_pixels: int = option(
        MAX_PIXELS,
        "The largest number of pixels in a request, each image padded to the sizes "
        "that the network takes; larger requests are refused.",
        lower=1,
    )


define_flags = partial(command.define, Options)


def main(values: FlagValues) -> None:
    """Writes the next version and prints how large and how exact it is."""
    options = command.read(Options, values)
    require("tensorflow_serving")
    source = command.open_source(
        options, values, branches=options.branches, fuse=options.fuse, size=ODD_SIZE
    )

    from .checks.table import write_all
    from .saved_model_writer import write_version

    folder = Path(options.output)
    write_all([partial(write_version, source, folder, options.max_pixels)])


if __name__ == "__main__":
    app.run(define_flags, main)
