"""Trains and scores the rows of ablations and puts them into tables.

python -m egnet_tf.paper.ablations configs/ablations/table*.flags \
    --output=runs/ablations --data_dir=GOPRO_Large
python -m egnet_tf.paper.ablations configs/ablations/table4_*.flags --output=runs/tiny \
    --variant=egnet_tiny --dataset=samples --backbone_steps=400 --egn_steps=100

Each flag file is a row, which is trained with each of --seeds and then evaluated. Flags
of training given here hold for all rows, steps of a phase only for those that have it.
What is finished is not done again, what was stopped is resumed, and a row that fails
does not stop the others.

A phase is trained once for all rows that begin alike: each is a run in phases/ below
--output, which begins with the weights of the one before. The trained row is a copy of
its last one, in a folder of the row's name. Rows whose names begin alike with table3_,
table4_, ... form a table: --output gets table3.md and table3.csv, with the published
numbers beside; rows of other names are in table.md.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import itertools
import logging
import re
import signal
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from egnet_tf.cli import app
from egnet_tf.cli import flags as option_flags
from egnet_tf.cli.flag_files import expanded
from egnet_tf.data.registry import default_options
from egnet_tf.errors import InputError, require
from egnet_tf.loss_weights import LOSSES
from egnet_tf.metrics.protocols import PSNR_PROTOCOLS
from egnet_tf.options import changes, flatten, option
from egnet_tf.paper.phase_runs import PHASES, Command, command, phase_runs, train_row

if TYPE_CHECKING:
    from egnet_tf.paper.tables import Result, Scored
    from egnet_tf.training.recipe import Recipe

POSITIONAL = "rows"


@dataclasses.dataclass(frozen=True)
class Options:
    """What is trained and scored, beside the flags of training."""

    rows: tuple[str, ...] = option(
        (),
        "Flag files of training, one per row. The name of this flag may be left out.",
    )
    output: str = option("", "The folder of the runs and of the tables.")
    seeds: tuple[int, ...] = option(
        (),
        "Seeds to train every row with; the tables then give means and standard "
        "deviations. By default the row's own seed.",
    )
    backbone_loss: str = option(
        "",
        "Loss of the backbone phase of every row, such as mprnet, which section 4.2 "
        "of the paper may mean by the training strategy of MPRNet. By default the "
        "row's own loss.",
        choices=("", *LOSSES),
    )
    protocol: str = option(
        "gopro",
        "The protocol by which images are scored (docs/evaluate.md).",
        choices=PSNR_PROTOCOLS,
    )
    test: tuple[str, ...] = option(
        (),
        "Datasets to score on, each as name or name:folder, such as "
        "realblur_r:RealBlur,realblur_j:RealBlur for Table 6. By default the dataset "
        "that training validates on.",
    )
    table5: bool = option(
        False,
        "Measure HSIC of the rows of Table 4, too, on the first test dataset.",
    )
    processes: bool = option(
        True,
        "Train and score in processes of their own, which free all their memory. "
        "Without, small networks save the time of starting TensorFlow.",
    )


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command."""
    from egnet_tf.training.recipe import Recipe

    option_flags.define(Options, values)
    option_flags.define(Recipe, values)


def main(values: flags.FlagValues) -> int:
    """Trains and scores row by row; 1 if one failed."""
    require("tensorflow")
    from egnet_tf.paper.tables import Scored

    options = option_flags.read(Options, values)
    files = [Path(name) for name in options.rows]
    if not files or len({file.stem for file in files}) < len(files):
        raise InputError(
            "Expected flag files of different names, one a row. "
            f"Received: {', '.join(map(str, files)) or 'none'}"
        )
    if "phases" in {file.stem for file in files}:
        raise InputError(
            "Expected another name of a flag file: phases/ is the folder of the runs. "
            "Received: phases"
        )
    if len(set(options.seeds)) < len(options.seeds):
        raise InputError(
            f"Expected different --seeds. Received: {','.join(map(str, options.seeds))}"
        )
    if not options.output:
        raise InputError("Expected --output=FOLDER. Received: none")
    # All are read before the first is trained: a mistake shows at once.
    rows = {file.stem: read_row(file, values) for file in files}
    output, planned = Path(options.output), []
    for seed, (name, recipe) in itertools.product(
        options.seeds or [None], rows.items()
    ):
        run = output / name
        if seed is not None:
            run, recipe = run / f"seed{seed}", dataclasses.replace(recipe, seed=seed)
        phases = phase_runs(recipe, output / "phases", options.backbone_loss)
        planned.append((name, recipe, run, phases))
    call = command(options.processes)
    scored: dict[str, list[Scored]] = {name: [] for name in rows}
    tested: dict[Path, list[Result]] = {}  # By the last phase: equal rows share it.
    failed = []
    with _sigterm_ends_children():
        for number, (name, recipe, run, phases) in enumerate(planned, 1):
            print(f"\n[{number}/{len(planned)}] {name}, seed {recipe.seed}", flush=True)
            last = phases[-1].path
            try:
                train_row(phases, run, call)
                if last not in tested:
                    tested[last] = evaluate_row(recipe, run, options, call)
                hsic = None
                if options.table5 and table_of(name) == "table4":
                    hsic = measure_hsic(recipe, run, options, call)
                scored[name].append(Scored(recipe.seed, tested[last], hsic))
            except InputError as error:
                logging.getLogger(__name__).error("%s", error)
                failed.append(str(run))
            _write_tables(output, rows, scored)
    for table in dict.fromkeys(map(table_of, rows)):
        print(f"\n{(output / f'{table}.md').read_text()}\n{output / f'{table}.md'}")
    if failed:
        logging.getLogger(__name__).error("failed: %s", ", ".join(failed))
    return 1 if failed else 0


@contextlib.contextmanager
def _sigterm_ends_children() -> Iterator[None]:
    """SIGTERM raises SystemExit meanwhile, which ends what is waited for."""
    earlier = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


def table_of(row: str) -> str:
    """The table that a row belongs to: "table3" by its name, or "table"."""
    match = re.match(r"table\d+(?=_)", row)
    return match[0] if match else "table"


def read_row(file: Path, given: flags.FlagValues) -> Recipe:
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
        and (one.name not in PHASES.values() or getattr(own, one.name))
    ]
    recipe = _parsed(file, overrides)
    recipe.phase_steps()
    return recipe


def evaluate_row(
    recipe: Recipe, run: Path, options: Options, call: Command
) -> list[Result]:
    """Evaluates a trained row on each test dataset.

    Raises:
        InputError: an evaluation failed.
    """
    from egnet_tf.paper.tables import read_result

    results = []
    for test in _tests(recipe, options):
        name = re.sub(r"[^\w.-]+", "_", test.partition(":")[0])
        output = run / "evaluation" / f"{name}_{options.protocol}"
        which = f"--model={run}", f"--dataset={test}", f"--output={output}"
        how = f"--protocol={options.protocol}", *_data_flags(recipe)
        call("egnet_tf.evaluate", *which, *how)
        results.append(read_result(output))
    return results


def measure_hsic(recipe: Recipe, run: Path, options: Options, call: Command) -> float:
    """Table 5 of a trained row, on the first test dataset.

    Raises:
        InputError: it could not be measured.
    """
    file = run / "evaluation" / "table5.csv"
    if not file.exists():
        test = _tests(recipe, options)[0]
        which = f"--model={run}", f"--dataset={test}", f"--output={file}"
        call("egnet_tf.paper.table5", *which, *_data_flags(recipe))
    if not file.exists():
        raise InputError(f"Expected HSIC of {run}. Received: no {file.name}")
    with file.open(newline="") as lines:
        return statistics.fmean(float(row["ratio"]) for row in csv.DictReader(lines))


def _tests(recipe: Recipe, options: Options) -> tuple[str, ...]:
    return options.test or (recipe.validation or recipe.dataset,)


def _data_flags(recipe: Recipe) -> list[str]:
    """The recipe's options of datasets: they hold for the tests, too."""
    found = [new for _, new in changes(default_options(), recipe.data)]
    folder = [f"--data_dir={recipe.data_dir}"] if recipe.data_dir else []
    return [*(f"--{new.name}={new.text}" for new in found), *folder]


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


def _write_tables(
    output: Path, rows: Mapping[str, Recipe], scored: Mapping[str, Sequence[Scored]]
) -> None:
    """Writes each table with what its rows share, and their numbers of steps."""
    from egnet_tf.paper.published import ABLATIONS, TABLE_5
    from egnet_tf.paper.tables import ablation_table, hsic_table, write_table

    for table in dict.fromkeys(map(table_of, rows)):
        names = [name for name in rows if table_of(name) == table]
        found = {name: scored[name] for name in names}
        recipes = [rows[name] for name in names]
        notes = []
        # The flag files differ in what the rows compare; this they should share.
        for field in ("variant", "dataset", "crop", "batch"):
            values = dict.fromkeys(str(getattr(recipe, field)) for recipe in recipes)
            notes.append(f"{field}: {', '.join(values)}")
        for name, recipe in zip(names, recipes, strict=True):
            steps = ", ".join(f"{p} {n} steps" for p, n in recipe.phase_steps().items())
            notes.append(f"{name}: {steps}, {len(found[name])} seed(s)")
        scores = [one for each in found.values() for one in each]
        notes += dict.fromkeys(r.description for each in scores for r in each.results)
        notes.append("published: printed in the paper, not measured here")
        notes = [f"{note}  " for note in notes]  # Markdown's line break.
        write_table(output / table, ablation_table(found, ABLATIONS), notes)
        if any(one.hsic for one in scores):
            write_table(output / "table5", hsic_table(found, TABLE_5), notes[-1:])


if __name__ == "__main__":
    app.run(define_flags, main, POSITIONAL)
