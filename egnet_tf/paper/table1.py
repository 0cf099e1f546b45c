"""Puts the evaluations of runs into one table, beside the paper's published numbers.

python -m egnet_tf.paper.table1 --runs=runs/gopro --output=table1
python -m egnet_tf.paper.table1 runs/a runs/b --nopublished

Table 1: a row per method and protocol, PSNR and SSIM on GoPro, RealBlur-J, RealBlur-R
and every other test set on which the runs were evaluated.
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
        "Folders in or below which evaluations are: runs, or output folders of "
        "evaluate. The name of this flag may be left out.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "published",
        True,
        "Put the rows of the paper's Table 1 above the measured ones.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "output",
        None,
        "Write the table to <output>.md and <output>.csv, too.",
        flag_values=values,
    )


def main(values: flags.FlagValues) -> None:
    """Reads the evaluations, prints the table and writes it if asked."""
    from egnet_tf.cli.table import markdown
    from egnet_tf.paper.published import TABLE_1
    from egnet_tf.paper.tables import comparison_table, results_of_run, write_table

    if not values.runs:
        raise InputError("Expected --runs=folder,... Received: none")
    results = [result for run in values.runs for result in results_of_run(run)]
    table = comparison_table(results, TABLE_1 if values.published else {})
    notes = list(dict.fromkeys(result.description for result in results))
    if values.published:
        notes.insert(0, "published: printed in the paper, not measured here")
    print(markdown(table), "", *notes, sep="\n")
    if values.output:
        write_table(Path(values.output), table, notes)


if __name__ == "__main__":
    app.run(define_flags, main, POSITIONAL)
