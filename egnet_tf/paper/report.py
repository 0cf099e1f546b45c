"""Writes a report on runs: one HTML file with tables, curves and images.

python -m egnet_tf.paper.report --runs=runs/quickstart --output=report.html

It opens from disk and asks for nothing from the network. Tables come from the runs'
evaluations, curves from their training, images from `evaluate --save_images`.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

from absl.flags import FlagValues

from egnet_tf.cli import app, flags
from egnet_tf.errors import InputError
from egnet_tf.options import option

POSITIONAL = "runs"


@dataclasses.dataclass(frozen=True)
class Options:
    """What the page holds."""

    runs: tuple[str, ...] = option(
        (),
        "Folders of runs, or output folders of evaluate. The name of this flag may be "
        "left out.",
    )
    output: str = option("report.html", "The file to write.")
    title: str = option("EGNet-TF: report", "The heading of the page.")
    images: int = option(
        3, "Number of images that are shown of each evaluation.", lower=0
    )


define_flags = functools.partial(flags.define, Options)


def main(values: FlagValues) -> None:
    """Reads the runs and writes the page."""
    from egnet_tf.files import write_text
    from egnet_tf.paper.report_page import report_page
    from egnet_tf.paper.run_record import read_run

    options = flags.read(Options, values)
    if not options.runs:
        raise InputError("Expected --runs=folder,... Received: none")
    runs = [read_run(Path(name)) for name in options.runs]
    write_text(options.output, report_page(options.title, runs, options.images))
    print(options.output)


if __name__ == "__main__":
    app.run(define_flags, main, POSITIONAL)
