"""Puts the evaluations of runs into one table, beside the paper's published numbers.

python -m egnet_tf.paper.table1 --runs=runs/gopro --output=table1
python -m egnet_tf.paper.table1 runs/a runs/b --nopublished

Table 1: a row per method and protocol, PSNR and SSIM on GoPro, RealBlur-J, RealBlur-R
and every other test set on which the runs were evaluated.
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
    """What the table holds."""

    runs: tuple[str, ...] = option(
        (),
        "Folders in or below which evaluations are: runs, or output folders of "
        "evaluate. The name of this flag may be left out.",
    )
    published: bool = option(
        True, "Put the rows of the paper's Table 1 above the measured ones."
    )
    output: str = option("", "Write the table to <output>.md and <output>.csv, too.")


define_flags = functools.partial(flags.define, Options)


def main(values: FlagValues) -> None:
    """Reads the evaluations, prints the table and writes it if asked."""
    from egnet_tf.cli.table import markdown
    from egnet_tf.paper.published import TABLE_1
    from egnet_tf.paper.tables import comparison_table, results_of_run, write_table

    options = flags.read(Options, values)
    if not options.runs:
        raise InputError("Expected --runs=folder,... Received: none")
    results = [result for run in options.runs for result in results_of_run(run)]
    table = comparison_table(results, TABLE_1 if options.published else {})
    notes = list(dict.fromkeys(result.description for result in results))
    if options.published:
        notes.insert(0, "published: printed in the paper, not measured here")
    print(markdown(table), "", *notes, sep="\n")
    if options.output:
        write_table(Path(options.output), table, notes)


if __name__ == "__main__":
    app.run(define_flags, main, POSITIONAL)
