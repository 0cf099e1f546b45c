"""Puts the evaluations of runs into one table, beside the paper's published numbers.

python -m egnet_tf.paper.table1 --runs=runs/gopro --output=table1

Table 1: a row a method and protocol, PSNR and SSIM on GoPro, RealBlur-J and RealBlur-R,
and on every other test set that the runs were evaluated on.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from egnet_tf.cli import app
from egnet_tf.cli.table import markdown
from egnet_tf.errors import InputError
from egnet_tf.paper.published import TABLE_1
from egnet_tf.paper.tables import comparison_table, results_of_run, write_table

_RUNS = flags.DEFINE_list(
    "runs", None, "Folders below which evaluations are: runs, or outputs of evaluate."
)
_PUBLISHED = flags.DEFINE_bool(
    "published", True, "Put the rows of the paper's Table 1 above."
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Write <output>.md and <output>.csv, too."
)


def main() -> None:
    """Reads, prints, writes."""
    if not _RUNS.value:
        raise InputError("Expected --runs=folder,... Received: none")
    results = [result for run in _RUNS.value for result in results_of_run(run)]
    table = comparison_table(results, TABLE_1 if _PUBLISHED.value else {})
    notes = list(dict.fromkeys(result.description for result in results))
    if _PUBLISHED.value:
        notes.insert(0, "published: printed in the paper, not measured here")
    print(markdown(table), "", *notes, sep="\n")
    if _OUTPUT.value:
        write_table(Path(_OUTPUT.value), table, notes)


if __name__ == "__main__":
    app.run(main, subject="runs")
