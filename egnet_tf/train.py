"""Trains a network: python -m egnet_tf.train --flagfile=configs/quickstart.flags.

The same command resumes a run that was stopped from its last checkpoint.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from absl.flags import FlagValues

from egnet_tf.cli import app, flags
from egnet_tf.cli.table import aligned
from egnet_tf.data import Pairs, open_pairs
from egnet_tf.data.fingerprint import files_in_both
from egnet_tf.data.pairs import BLURRY
from egnet_tf.errors import InputError, require
from egnet_tf.images.write import write_image
from egnet_tf.inference.resolve import resolve
from egnet_tf.locks import only_process
from egnet_tf.metrics import PROTOCOLS
from egnet_tf.options import option
from egnet_tf.training import Recipe, RunFolder, resumption
from egnet_tf.training.workers import environment_index

if TYPE_CHECKING:
    import numpy as np

    from egnet_tf.inference import Restorer
    from egnet_tf.training.validation import Validation


@dataclasses.dataclass(frozen=True)
class Options:
    """Where a run is written, and on what it is trained."""

    run: str = option("", "Folder of the run, such as runs/gopro.")
    strategy: str = option(
        "mirrored",
        "The devices: one_device is the first GPU or the CPU, mirrored all GPUs, "
        "multi_worker several machines that TF_CONFIG names (docs/train.md).",
        choices=("one_device", "mirrored", "multi_worker"),
    )
    resume_with: tuple[str, ...] = option(
        (),
        "What may differ from what the run was begun with: steps continues it with "
        "other numbers of steps, data with other datasets or pairs "
        "(docs/train.md).",
        choices=resumption.RESUME_WITH,
    )
    compare_with: str = option(
        "",
        "Another model, such as egnet_mobile, that is scored and shown beside the run "
        "at the end.",
    )


def define_flags(values: FlagValues) -> None:
    """Defines the flags of the command."""
    flags.define(Options, values)
    flags.define(Recipe, values)


def main(values: FlagValues) -> None:
    """Trains, then prints the table of the phases and draws the comparison."""
    require("tensorflow")
    options, recipe = flags.read(Options, values), flags.read(Recipe, values)
    if not options.run:
        raise InputError("Expected --run, the folder of the run. Received: none")
    run = RunFolder(Path(options.run))
    recipe.phase_steps()
    if options.compare_with:
        resolve(options.compare_with)
        if recipe.fuses_results:
            raise InputError(
                "Expected no --compare_with where results of methods are fused. "
                f"Received: {options.compare_with}"
            )
    resumption.check(run, recipe, resume_with=options.resume_with)
    several = options.strategy == "multi_worker"
    chief = not several or environment_index() == 0
    try:
        with only_process(run.path) if chief else contextlib.nullcontext():
            _train(run, recipe, options, chief)
    except KeyboardInterrupt:
        name = app.shown(run.path)
        raise KeyboardInterrupt(f"the same command resumes {name}") from None


def _train(run: RunFolder, recipe: Recipe, options: Options, chief: bool) -> None:
    data = {"data_dir": recipe.data_dir or None, "options": recipe.data}
    data["results"] = recipe.fuses_results
    pairs = open_pairs(recipe.dataset, split="train", seed=recipe.seed, **data)
    # The seed of `evaluate`: its scores are then those of the table below.
    validation = recipe.validation or recipe.dataset
    held_out = open_pairs(validation, split="test", seed=0, **data)
    if held_out.inputs != pairs.inputs:
        raise InputError(
            f"Expected --validation with the results of {', '.join(pairs.inputs)}. "
            f"Received: {', '.join(held_out.inputs)}"
        )
    _warn_of_shared_files(pairs, held_out)
    inputs = resumption.Inputs.of(recipe, pairs, held_out)
    resumption.check(run, recipe, inputs, options.resume_with)

    # Imported here, so that whatever is wrong with the above is said at once.
    from egnet_tf.training import Interrupted, train
    from egnet_tf.training.strategy import all_workers_agree, device_strategy

    # Before TensorFlow computes anything: workers must meet first.
    strategy = device_strategy(options.strategy)
    name = app.shown(run.path)
    if chief:
        changed = resumption.begin(run, recipe, inputs, options.resume_with)
        if changed:
            print(f"{name} continues with {app.shown(', '.join(changed))}")
        print(
            f"{recipe.variant}: {len(pairs)} training pairs, {len(held_out)} held out, "
            f"{strategy.num_replicas_in_sync} device(s), run {name}",
            flush=True,
        )
    try:
        restorer = train(recipe, run, strategy, pairs, held_out)
    except Interrupted:
        print(f"Stopped; all is saved. The same command resumes {name}.")
        return
    if chief:
        restorers, others = {"restored": restorer}, {}
        if options.compare_with:
            from egnet_tf.inference import load
            from egnet_tf.training.validation import validate

            other, title = load(options.compare_with), Path(options.compare_with).name
            if resolve(options.compare_with).kind == "shipped":
                title += " (shipped)"
            restorers = {f"{_time(run)} of training": restorer, title: other}
            others[title] = validate(other, held_out, recipe.validation_pairs)
        image = run.path / "compare.png"
        write_image(image, _comparison(restorers, held_out))
        print(f"\n{_table(run, held_out.inputs == BLURRY, others)}")
        shown = ", ".join([*held_out.inputs, *restorers, "sharp"])
        print(f"{app.shown(image)}: {shown}")
    # A worker that leaves before the chief has written all looks lost to it.
    all_workers_agree(strategy, 0)


def _warn_of_shared_files(pairs: Pairs, held_out: Pairs) -> None:
    """Warns where the scores of a validation are of what was trained on."""
    shared = files_in_both(pairs, held_out)
    if shared:
        logging.getLogger(__name__).warning(
            "%d files are both trained and validated on, such as %s: the scores say "
            "nothing about other images",
            *(len(shared), shared[0]),
        )


class EndOfPhase(NamedTuple):
    """A row of the table: the last validation of a phase."""

    held_out_pairs: str
    PSNR: float
    SSIM: float
    steps: int | None
    parameters: int | None
    time: str


def _table(run: RunFolder, from_blurry: bool, others: Mapping[str, Validation]) -> str:
    """The end of each phase, below the images it started from: blurry, or results.

    Other models come last. Of a self-ensemble that lost to its start, the start counts.
    """
    from egnet_tf.training.phases import TITLES

    rows = run.metrics()
    if not rows:
        return f"{app.shown(run.path)}: the table of its validations is gone"
    ends = {row["phase"]: row for row in rows}
    note = ""
    if start := run.better_start():
        trained, mean = (float(row["psnr"]) for row in (ends["ensemble"], start))
        note = (
            "\nThe self-ensemble averages its branches, as it starts "
            f"({mean:.2f} dB): its training lost ({trained:.2f} dB) and is not used.\n"
        )
        scores = {name: start.get(name, "") for name in ("psnr", "ssim")}
        ends["ensemble"] = {**ends["ensemble"], **scores}
    blurry = _number(rows[0], "blurry_psnr"), _number(rows[0], "blurry_ssim")
    before = "blurry" if from_blurry else "best of the methods"
    table = [EndOfPhase(before, *blurry, 0, 0, "")]
    for name, row in ends.items():
        scores = _number(row, "psnr"), _number(row, "ssim")
        seconds, parameters = _number(row, "seconds"), _number(row, "parameters")
        time = str(timedelta(seconds=int(seconds))) if abs(seconds) < 1e12 else ""
        numbers = int(row["step"]), int(parameters) if 0 < parameters < 1e15 else 0
        table.append(EndOfPhase(TITLES[name], *scores, *numbers, time))
    for title, found in others.items():
        table.append(EndOfPhase(title, found.psnr, found.ssim, None, None, ""))
    kept = run.best_validation()
    if kept is None:
        best = "is gone; the next validation of a run writes it again"
    else:
        best = (
            f"the best validation, {kept.psnr:.2f} dB "
            f"({TITLES[kept.phase]}, step {kept.step})"
        )
    return f"{aligned(table)}\n{note}\n{app.shown(run.best)}: {best}"


def _time(run: RunFolder) -> str:
    """The time that all phases took: "3 minutes"."""
    ends = {row["phase"]: _number(row, "seconds") for row in run.metrics()}
    minutes = round(sum(filter(math.isfinite, ends.values())) / 60)
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _number(row: Mapping[str, str], name: str) -> float:
    """A cell of metrics.csv; NaN where earlier versions, or people, left none."""
    try:
        return float(row[name])
    except (KeyError, TypeError, ValueError):
        return math.nan


def _comparison(restorers: Mapping[str, Restorer], held_out: Pairs) -> np.ndarray:
    """A sheet of the first held-out pair and one from the middle, as each restores."""
    from egnet_tf.visualization import column, comparison_sheet

    score, sheets = PROTOCOLS["plain"].score, []
    for index in sorted({0, len(held_out) // 2}):
        blurry, sharp = held_out.read(index)
        images = held_out.images_of(blurry)
        images |= {title: restore(blurry) for title, restore in restorers.items()}
        captions = {
            f"{title} {score(image, sharp).psnr:.2f} dB": image
            for title, image in images.items()
        }
        sheets.append(comparison_sheet({**captions, "sharp": sharp}))
    return column(sheets)


if __name__ == "__main__":
    app.run(define_flags, main)
