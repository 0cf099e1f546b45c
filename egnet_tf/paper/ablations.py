"""Trains and scores the rows of an ablation and puts them into one table.

python -m egnet_tf.paper.ablations configs/ablations/table3_*.flags \
    --output=runs/table3 --data_dir=GOPRO_Large
python -m egnet_tf.paper.ablations configs/ablations/table4_*.flags --output=runs/tiny \
    --variant=egnet_tiny --dataset=samples --backbone_steps=400 --egn_steps=100

Each flag file is a row: a run below --output, trained in a process of its own and then
evaluated. Flags of training given here count for all rows, steps of a phase only for
those that have it. What is finished is not done again, what was stopped goes on, and a
row that fails does not stop the others.
--output gets table.md and table.csv, with the published numbers beside.
"""

from __future__ import annotations

import dataclasses
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from egnet_tf import metrics
from egnet_tf.cli import app
from egnet_tf.cli.flag_files import expanded
from egnet_tf.errors import InputError
from egnet_tf.options import to_text
from egnet_tf.paper.published import ABLATIONS
from egnet_tf.paper.tables import Result, ablation_table, read_result, write_table
from egnet_tf.training import Recipe, recipe

_ROWS = flags.DEFINE_list(
    "rows", None, "Flag files of training. The name of this flag may be left out."
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder of the runs and of the table.", required=True
)
_PROTOCOL = flags.DEFINE_enum(
    "protocol", "gopro", list(metrics.PROTOCOLS), "See docs/evaluation.md."
)
_TEST = flags.DEFINE_list(
    "test",
    None,
    "Datasets to score on, each as name or name:folder (Table 6: "
    "realblur_r:RealBlur,realblur_j:RealBlur). By default what training validates on.",
)
recipe.define_flags(flags.FLAGS)

_PHASES = ("backbone_steps", "egn_steps", "joint_steps", "ensemble_steps")


def main() -> int:
    """Trains and scores row by row; 1 if one failed."""
    files = [Path(name) for name in _ROWS.value or ()]
    names = [file.stem for file in files]
    if not files or len(set(names)) < len(names):
        raise InputError(
            "Expected flag files of different names, one a row. "
            f"Received: {', '.join(map(str, files)) or 'none'}"
        )
    # All are read before the first is trained: a mistake shows at once.
    recipes = {file: _recipe(file) for file in files}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # Ends the row's process.
    rows: dict[str, list[Result]] = {}
    for number, (file, chosen) in enumerate(recipes.items(), 1):
        print(f"\n[{number}/{len(files)}] {file.stem}", flush=True)
        rows[file.stem] = _row(file, chosen)
        _write(rows, recipes)
    table = Path(_OUTPUT.value) / "table.md"
    print(f"\n{table.read_text()}\n{table}")
    failed = [name for name, results in rows.items() if not results]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _row(file: Path, chosen: Recipe) -> list[Result]:
    """Trains and scores one row; empty if that failed."""
    run = Path(_OUTPUT.value) / file.stem
    if _finished(run, chosen):
        print(f"{run}: trained already")
    else:
        flagfile = f"--flagfile={file}"
        _call("egnet_tf.train", flagfile, *_overrides(file), f"--run={run}")
        if not _finished(run, chosen):
            return []
    results = []
    for dataset in _TEST.value or [chosen.validation or chosen.dataset]:
        name = re.sub(r"[^\w.-]+", "_", dataset.partition(":")[0])
        output = run / "evaluation" / f"{name}_{_PROTOCOL.value}"
        options = [f"--model={run}", f"--dataset={dataset}", f"--output={output}"]
        options += [f"--protocol={_PROTOCOL.value}"]
        options += [f"--data_dir={chosen.data_dir}"] if chosen.data_dir else []
        options += to_text(chosen.data).splitlines()
        _call("egnet_tf.evaluate", *options)
        try:
            results.append(read_result(output))
        except InputError:
            return []
    return results


def _recipe(file: Path) -> Recipe:
    """What the flag file and the flags given here make together."""
    chosen = _parsed(file, _overrides(file))
    chosen.phase_steps()
    return chosen


def _overrides(file: Path) -> list[str]:
    """The flags of training that were given here, as far as they concern a row.

    A row without a phase does not get one by `--egn_steps`: that it has none is what
    it is for.
    """
    own = _parsed(file, [])
    names = (field.name for field in dataclasses.fields(Recipe))
    given = (flags.FLAGS[name] for name in names)
    return [
        flag.serialize()
        for flag in given
        if flag.present and (flag.name not in _PHASES or getattr(own, flag.name))
    ]


def _parsed(file: Path, overrides: Sequence[str]) -> Recipe:
    values = flags.FlagValues()
    recipe.define_flags(values)
    flags.DEFINE_string("run", "", "where to", flag_values=values)
    try:
        values(["train", *expanded([f"--flagfile={file}"]), *overrides])
    except (flags.Error, OSError) as error:
        raise InputError(
            f"Expected a flag file of training ({error}). Received: {file}"
        ) from error
    return recipe.from_flags(values)


def _finished(run: Path, chosen: Recipe) -> bool:
    """Whether training came to its end, where it draws the comparison."""
    if not (run / "compare.png").exists():
        return False
    return recipe.read(run / "recipe.flags") == chosen


def _call(module: str, *words: str) -> None:
    """Runs a command to its end; it says itself what goes wrong."""
    process = subprocess.Popen([sys.executable, "-m", module, *words])
    try:
        process.wait()
    except BaseException:
        process.terminate()  # Training saves where it is.
        process.wait()
        raise


def _write(rows: dict[str, list[Result]], recipes: dict[Path, Recipe]) -> None:
    results = [result for found in rows.values() for result in found]
    # The flag files differ in what the rows compare; this is what they should share.
    shared = ("variant", "dataset", "crop", "batch")
    notes = [_shared(name, list(recipes.values())) for name in shared]
    notes += [
        f"{file.stem}: "
        + ", ".join(f"{name} {steps} steps" for name, steps in r.phase_steps().items())
        for file, r in recipes.items()
        if file.stem in rows
    ]
    notes += dict.fromkeys(result.description for result in results)
    notes.append("published: printed in the paper, not measured here")
    table = ablation_table(rows, ABLATIONS)
    text = [f"{note}  " for note in notes]  # Markdown's line break.
    write_table(Path(_OUTPUT.value) / "table", table, text)


def _shared(name: str, recipes: Sequence[Recipe]) -> str:
    values = dict.fromkeys(str(getattr(chosen, name)) for chosen in recipes)
    return f"{name}: {', '.join(values)}"


if __name__ == "__main__":
    app.run(main, subject="rows")
