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
from egnet_tf.files import replacing
from egnet_tf.paper.report_page import report_page
from egnet_tf.paper.run_record import read_run

_RUNS = flags.DEFINE_list("runs", None, "Folders of runs, or of evaluations.")
_OUTPUT = flags.DEFINE_string("output", "report.html", "The file to write.")
_TITLE = flags.DEFINE_string("title", "EGNet-TF: report", "Heading of the page.")
_IMAGES = flags.DEFINE_integer("images", 3, "Images of each evaluation.", lower_bound=0)


def main() -> None:
    """Reads the runs and writes the page."""
    if not _RUNS.value:
        raise InputError("Expected --runs=folder,... Received: none")
    runs = [read_run(Path(name)) for name in _RUNS.value]
    page = report_page(_TITLE.value, runs, _IMAGES.value)
    output = Path(_OUTPUT.value)
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacing(output) as unfinished:
        unfinished.write_text(page, encoding="utf-8")
    print(output)


if __name__ == "__main__":
    app.run(main, subject="runs")
