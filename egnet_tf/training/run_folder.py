"""A run's folder: runs/<name>/.

recipe.flags    every number of the run
checkpoints/    one folder a phase, the latest three each
logs/           TensorBoard
metrics.csv     one row a validation
weights/        the networks as last validated, see egnet_tf.models.weights
best/           the same of the validation with the highest PSNR of all phases: its
                folder weights/ makes it a model that every command takes
compare.png     blurry, restored and sharp
inputs.json     what the data were, see egnet_tf.training.resumption
changes.json    what was changed when the run was resumed, if anything was
"""

from __future__ import annotations

import csv
import io
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from egnet_tf.errors import InputError
from egnet_tf.files import read_json, remove_unfinished, replacing, write_json
from egnet_tf.training.recipe import PHASES

_COLUMNS = (
    *("phase", "step", "psnr", "ssim", "blurry_psnr", "blurry_ssim", "loss"),
    *("parameters", "seconds"),
)
_NOTE = "validation.json"

_LOG = logging.getLogger(__name__)


class Best(NamedTuple):
    """The validation of which `best` holds the weights."""

    phase: str
    step: int
    psnr: float


class RunFolder:
    """The folder of a run, there or not; `path` is its path."""

    def __init__(self, path: Path):
        self.path = path

    @property
    def recipe(self) -> Path:
        """The file with every setting of the run."""
        return self.path / "recipe.flags"

    @property
    def inputs(self) -> Path:
        """The file that tells what the data were, see `resumption.Inputs`."""
        return self.path / "inputs.json"

    @property
    def changes(self) -> Path:
        """The file that lists what was changed when the run was resumed."""
        return self.path / "changes.json"

    @property
    def weights(self) -> Path:
        """The folder of the networks as last validated."""
        return self.path / "weights"

    @property
    def best(self) -> Path:
        """The model with the highest validation PSNR, see `is_best`."""
        return self.path / "best"

    @property
    def logs(self) -> Path:
        """The folder of TensorBoard's events."""
        return self.path / "logs"

    def checkpoints(self, phase: str) -> Path:
        """The folder of a phase's checkpoints."""
        return self.path / "checkpoints" / phase

    def has_weights(self) -> bool:
        """Whether no file is missing from `weights`."""
        files = ["model.json", "network.weights.h5"]
        if "ensemble" in self.steps_done():
            files.append("ensemble.weights.h5")
        return all((self.weights / name).is_file() for name in files)

    def steps_done(self) -> dict[str, int]:
        """The steps of the latest checkpoint of each phase that has one, in order."""
        steps = {name: checkpoint_steps(self.checkpoints(name)) for name in PHASES}
        return {name: found[-1] for name, found in steps.items() if found}

    def remove_unfinished(self) -> None:
        """Deletes what killed processes left; for the only process that writes here."""
        folders = [self.path, self.weights, self.best, self.best / self.weights.name]
        folders += [self.checkpoints(name) for name in PHASES]
        for folder in folders:
            remove_unfinished(folder)

    def is_best(self, psnr: float) -> bool:
        """Whether no weights of a better validation, nor of an equal one, are kept."""
        kept = self.best_validation()
        return kept is None or math.isnan(kept.psnr) or psnr > kept.psnr

    def note_best(self, phase: str, step: int, psnr: float) -> None:
        """Notes of which validation `best` holds the weights."""
        # JSON has no infinity, the PSNR of equal images.
        value = psnr if math.isfinite(psnr) else str(psnr)
        note = {"phase": phase, "step": step, "psnr": value}
        write_json(self.best / _NOTE, note)

    def best_validation(self) -> Best | None:
        """The validation of which `best` holds the weights; None if it holds none."""
        if not (self.best / self.weights.name / "model.json").is_file():
            return None
        try:
            note = read_json(self.best / _NOTE)
            best = Best(note["phase"], int(note["step"]), float(note["psnr"]))
            if best.phase in PHASES:
                return best
        except (InputError, KeyError, TypeError, ValueError):
            pass
        # Earlier versions wrote no such note: it was the best in the table.
        rows = self.metrics()
        ends = [Best(x["phase"], int(x["step"]), float(x["psnr"])) for x in rows]
        return max(ends, key=lambda end: end.psnr, default=None)

    def better_start(self) -> dict[str, str] | None:
        """The row of metrics.csv of the self-ensemble's start, if training lost to it.

        The start is the mean of the branches; where its PSNR is above that of the last
        validation, the mean is kept (`loop.train`).
        """
        rows = [row for row in self.metrics() if row["phase"] == "ensemble"]
        for row in rows:
            if int(row["step"]) == 0 and float(row["psnr"]) > float(rows[-1]["psnr"]):
                return row
        return None

    def add_metrics(self, **row) -> None:
        """Adds a row to metrics.csv; it replaces one of the same phase and step."""
        step = row["phase"], str(row["step"])
        rows = [x for x in self.metrics() if (x["phase"], x["step"]) != step]
        # Others' columns stay.
        columns = dict.fromkeys([*_COLUMNS, *(name for x in rows for name in x)])
        with (
            replacing(self.path / "metrics.csv") as unfinished,
            unfinished.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows([*rows, row])

    def metrics(self) -> list[dict[str, str]]:
        """The rows of metrics.csv, in the order in which they were added.

        Those that are damaged are left out with a warning.
        """
        path = self.path / "metrics.csv"
        try:
            text = path.read_text("utf-8", "replace")
        except FileNotFoundError:
            return []
        table = csv.DictReader(io.StringIO(text.replace("\0", ""), newline=""))
        rows, damaged = [], 0
        try:
            for row in table:
                row.pop(None, None)  # pyright: ignore (cells beyond the columns)
                if _is_whole(row):
                    rows.append(row)
                else:
                    damaged += 1
        except csv.Error:
            damaged += 1
        if damaged or (text and not rows):
            _LOG.warning("Left out damaged rows (%d) of %s", damaged, path)
        return rows


def _is_whole(row: Mapping[str, str]) -> bool:
    try:
        numbers = int(row["step"]), float(row["psnr"])
    except (KeyError, TypeError, ValueError):
        return False
    return row.get("phase") in PHASES and numbers[0] >= 0


def checkpoint_steps(folder: Path) -> list[int]:
    """The steps of a phase's checkpoints, ascending; their index makes them one."""
    names = (path.stem for path in folder.glob("ckpt-*.index"))
    steps = (name.removeprefix("ckpt-") for name in names)
    return sorted(int(step) for step in steps if step.isdecimal())
