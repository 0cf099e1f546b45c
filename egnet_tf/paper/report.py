"""Writes a report on runs: one HTML file with tables, curves and images.

python -m egnet_tf.paper.report --runs=runs/quickstart --output=report.html

It opens from disk and asks for nothing from the network. Tables come from the runs'
evaluations, curves from their training, images from `evaluate --save_images`.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from egnet_tf.cli import app
from egnet_tf.errors import InputError

POSITIONAL = "runs"


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command."""
    flags.DEFINE_list(
        "runs",
        None,
        "Folders of runs, or output folders of evaluate. The name of this flag may be "
        "left out.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "output", "report.html", "The file to write.", flag_values=values
    )
    flags.DEFINE_string(
        "title", "EGNet-TF: report", "The heading of the page.", flag_values=values
    )
    flags.DEFINE_integer(
        "images",
        3,
        "Number of images that are shown of each evaluation.",
        lower_bound=0,
        flag_values=values,
    )


def main(values: flags.FlagValues) -> None:
    """Reads the runs and writes the page."""
    from egnet_tf.files import write_text
    from egnet_tf.paper.report_page import report_page
    from egnet_tf.paper.run_record import read_run

    if not values.runs:
        raise InputError("Expected --runs=folder,... Received: none")
    runs = [read_run(Path(name)) for name in values.runs]
    write_text(values.output, report_page(values.title, runs, values.images))
    print(values.output)


if __name__ == "__main__":
    app.run(define_flags, main, POSITIONAL)
