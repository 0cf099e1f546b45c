"""Trains and scores the rows of an ablation and puts them into one table.

python -m egnet_tf.paper.ablations configs/ablations/table3_*.flags \
    --output=runs/table3 --data_dir=GOPRO_Large
python -m egnet_tf.paper.ablations configs/ablations/table4_*.flags --output=runs/tiny \
    --variant=egnet_tiny --dataset=samples --backbone_steps=400 --egn_steps=100

Each flag file is a row: a run below --output, trained in a process of its own and then
evaluated. Flags of training given here hold for all rows, steps of a phase only for
those that have it. What is finished is not done again, what was stopped is resumed, and
a row that fails does not stop the others.
--output gets table.md and table.csv, with the published numbers beside.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from absl import flags

from egnet_tf.cli import app
from egnet_tf.cli import flags as option_flags
from egnet_tf.cli.flag_files import expanded
from egnet_tf.data.registry import default_options
from egnet_tf.errors import InputError, require
from egnet_tf.metrics.protocols import PROTOCOLS
from egnet_tf.options import changes, flatten, option

if TYPE_CHECKING:
    from egnet_tf.paper.tables import Result
    from egnet_tf.training.recipe import Recipe

POSITIONAL = "rows"

_PHASES = ("backbone_steps", "egn_steps", "joint_steps", "ensemble_steps")


class Row(NamedTuple):
    """A row of the table before it is trained.

    Attributes:
        flags: of `egnet_tf.train`: the flag file, then what overrides it.
        recipe: what these flags describe.
    """

    flags: list[str]
    recipe: Recipe


@dataclasses.dataclass(frozen=True)
class Options:
    """What is trained and scored, beside the flags of training."""

    rows: tuple[str, ...] = option(
        (),
        "Flag files of training, one per row. The name of this flag may be left out.",
    )
    output: str = option("", "The folder of the runs and of the table.")
    protocol: str = option(
        "gopro",
        "The protocol by which images are scored (docs/evaluate.md).",
        choices=tuple(PROTOCOLS),
    )
    test: tuple[str, ...] = option(
        (),
        "Datasets to score on, each as name or name:folder, such as "
        "realblur_r:RealBlur,realblur_j:RealBlur for Table 6. By default the dataset "
        "that training validates on.",
    )


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command."""
    from egnet_tf.training.recipe import Recipe

    option_flags.define(Options, values)
    option_flags.define(Recipe, values)


def main(values: flags.FlagValues) -> int:
    """Trains and scores row by row; 1 if one failed."""
    require("tensorflow")
    options = option_flags.read(Options, values)
    files = [Path(name) for name in options.rows]
    if not files or len({file.stem for file in files}) < len(files):
        raise InputError(
            "Expected flag files of different names, one a row. "
            f"Received: {', '.join(map(str, files)) or 'none'}"
        )
    if not options.output:
        raise InputError("Expected --output=FOLDER. Received: none")
    # All are read before the first is trained: a mistake shows at once.
    rows = {file.stem: read_row(file, values) for file in files}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # Ends the row's process.
    output, results = Path(options.output), {}
    for number, (name, row) in enumerate(rows.items(), 1):
        print(f"\n[{number}/{len(rows)}] {name}", flush=True)
        run = output / name
        results[name] = []
        if train_row(row, run):
            tests = options.test or [row.recipe.validation or row.recipe.dataset]
            results[name] = score_row(row.recipe, run, tests, options.protocol)
        _write(output / "table", rows, results)
    print(f"\n{(output / 'table.md').read_text()}\n{output / 'table.md'}")
    failed = [name for name, found in results.items() if not found]
    if failed:
        logging.getLogger(__name__).error("failed: %s", ", ".join(failed))
    return 1 if failed else 0


def read_row(file: Path, given: flags.FlagValues) -> Row:
    """Puts a flag file and the flags of training given for all rows together.

    A row without a phase does not get one by `--egn_steps`: that it has none is what
    it is for.

    Raises:
        InputError: the file, or the two together, are no recipe.
    """
    from egnet_tf.training.recipe import Recipe

    own = _parsed(file, [])
    overrides = [
        given[one.name].serialize()
        for one in flatten(Recipe())
        if given[one.name].present
        and (one.name not in _PHASES or getattr(own, one.name))
    ]
    recipe = _parsed(file, overrides)
    recipe.phase_steps()
    return Row([f"--flagfile={file}", *overrides], recipe)


def train_row(row: Row, run: Path) -> bool:
    """Trains a row unless that is done; whether it is done then."""
    if _finished(run, row.recipe):
        print(f"{run}: trained already")
        return True
    _call("egnet_tf.train", *row.flags, f"--run={run}")
    return _finished(run, row.recipe)


def score_row(
    recipe: Recipe, run: Path, datasets: Sequence[str], protocol: str
) -> list[Result]:
    """Evaluates a trained row; empty if an evaluation failed.

    The recipe's options of datasets hold for the tests, too, whose datasets are given
    as name or name:folder.
    """
    from egnet_tf.paper.tables import read_result

    options = [
        f"--{new.name}={new.text}" for _, new in changes(default_options(), recipe.data)
    ]
    options += [f"--data_dir={recipe.data_dir}"] if recipe.data_dir else []
    results = []
    for dataset in datasets:
        name = re.sub(r"[^\w.-]+", "_", dataset.partition(":")[0])
        output = run / "evaluation" / f"{name}_{protocol}"
        which = [f"--dataset={dataset}", f"--output={output}", f"--protocol={protocol}"]
        _call("egnet_tf.evaluate", f"--model={run}", *which, *options)
        try:
            results.append(read_result(output))
        except InputError:
            return []
    return results


def _parsed(file: Path, overrides: Sequence[str]) -> Recipe:
    from egnet_tf.training.recipe import Recipe

    values = flags.FlagValues()
    option_flags.define(Recipe, values)
    flags.DEFINE_string("run", "", "Where the run goes.", flag_values=values)
    try:
        values(["train", *expanded([f"--flagfile={file}"]), *overrides])
    except (flags.Error, OSError) as error:
        raise InputError(
            f"Expected a flag file of training ({error}). Received: {file}"
        ) from error
    return option_flags.read(Recipe, values)


def _finished(run: Path, recipe: Recipe) -> bool:
    """Whether training came to its end, where it draws the comparison."""
    from egnet_tf.training import recipe as recipes

    if not (run / "compare.png").exists():
        return False
    return recipes.read(run / "recipe.flags") == recipe


def _call(module: str, *words: str) -> None:
    """Runs a command to its end; it prints itself what goes wrong."""
    process = subprocess.Popen([sys.executable, "-m", module, *words])
    try:
        process.wait()
    except BaseException:
        process.terminate()  # Training saves a checkpoint.
        process.wait()
        raise


def _write(
    path: Path, rows: Mapping[str, Row], results: Mapping[str, Sequence[Result]]
) -> None:
    from egnet_tf.paper.published import ABLATIONS
    from egnet_tf.paper.tables import ablation_table, write_table

    # The flag files differ in what the rows compare; this is what they should share.
    notes = []
    for name in ("variant", "dataset", "crop", "batch"):
        found = dict.fromkeys(str(getattr(row.recipe, name)) for row in rows.values())
        notes.append(f"{name}: {', '.join(found)}")
    for name in results:
        steps = rows[name].recipe.phase_steps().items()
        notes.append(
            f"{name}: " + ", ".join(f"{p} {count} steps" for p, count in steps)
        )
    notes += dict.fromkeys(
        one.description for found in results.values() for one in found
    )
    notes.append("published: printed in the paper, not measured here")
    table = ablation_table(results, ABLATIONS)
    write_table(path, table, [f"{note}  " for note in notes])  # Markdown's line break.


if __name__ == "__main__":
    app.run(define_flags, main, POSITIONAL)
