"""Trains a network: python -m egnet_tf.train --flagfile=configs/quickstart.flags.

The flags are the fields of `egnet_tf.training.Recipe`. The same command goes on from
the last checkpoint of a run that was stopped.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from absl import flags

from egnet_tf.cli import app
from egnet_tf.cli.table import aligned
from egnet_tf.data import Pairs, open_pairs
from egnet_tf.images.write import write_image
from egnet_tf.inference import Restorer
from egnet_tf.metrics import protocol_named
from egnet_tf.training import Interrupted, RunFolder, recipe, train
from egnet_tf.training.phases import TITLES
from egnet_tf.training.strategy import (
    STRATEGIES,
    all_workers_agree,
    device_strategy,
    worker_index,
)
from egnet_tf.visualization import column, comparison_sheet

_RUN = flags.DEFINE_string("run", None, "folder of the run, e.g. runs/gopro")
flags.mark_flag_as_required("run")
_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "mirrored",
    STRATEGIES,
    "one_device: the first GPU or the CPU; mirrored: all GPUs; multi_worker: several "
    "machines, by TF_CONFIG (docs/training.md)",
)
recipe.define_flags(flags.FLAGS)
flags.adopt_module_key_flags(recipe)  # --help shows them, not only --helpfull.


def main() -> None:
    """Trains, then prints the table of the phases and draws the comparison."""
    chosen = recipe.from_flags(flags.FLAGS)
    chosen.phase_steps()
    # Before TensorFlow computes anything: workers must meet first.
    strategy = device_strategy(_STRATEGY.value)
    chief = worker_index(strategy) == 0
    data = {"data_dir": chosen.data_dir or None, "options": chosen.data}
    pairs = open_pairs(chosen.dataset, split="train", seed=chosen.seed, **data)
    # The seed of `evaluate`: its scores are then those of the table below.
    validation = chosen.validation or chosen.dataset
    held_out = open_pairs(validation, split="test", seed=0, **data)
    run = RunFolder(Path(_RUN.value), chosen, begins=chief)
    if chief:
        print(
            f"{chosen.variant}: {len(pairs)} training pairs, {len(held_out)} held out, "
            f"{strategy.num_replicas_in_sync} device(s), run {run.path}",
            flush=True,
        )
    try:
        restorer = train(chosen, run, strategy, pairs, held_out)
    except Interrupted:
        print(f"Stopped; all is saved. The same command goes on with {run.path}.")
        return
    if chief:
        image = run.path / "compare.png"
        write_image(image, _comparison(restorer, held_out))
        print(f"\n{_table(run)}\n{image}: blurry, restored, sharp")
    # A worker that leaves before the chief has written all looks lost to it.
    all_workers_agree(strategy, 0)


class EndOfPhase(NamedTuple):
    """A row of the table: the last validation of a phase."""

    held_out_pairs: str
    PSNR: float
    SSIM: float
    steps: int
    parameters: int
    time: str


def _table(run: RunFolder) -> str:
    """The end of each phase, below the blurry images it started from."""
    rows = run.metrics()
    ends = {row["phase"]: row for row in rows}
    blurry = float(rows[0]["blurry_psnr"]), float(rows[0]["blurry_ssim"])
    table = [EndOfPhase("blurry", *blurry, 0, 0, "")]
    for name, row in ends.items():
        scores = float(row["psnr"]), float(row["ssim"])
        # Earlier versions noted neither size nor time.
        parameters = int(row.get("parameters") or 0)
        time = timedelta(seconds=int(row.get("seconds") or 0))
        steps = int(row["step"])
        table.append(EndOfPhase(TITLES[name], *scores, steps, parameters, str(time)))
    best = max(rows, key=lambda row: float(row["psnr"]))
    return (
        f"{aligned(table)}\n\n{run.best}: the best validation, "
        f"{float(best['psnr']):.2f} dB ({TITLES[best['phase']]}, step {best['step']})"
    )


def _comparison(restorer: Restorer, held_out: Pairs):
    """A sheet of the first held-out pair and one from the middle."""
    score, sheets = protocol_named("plain").score, []
    for index in sorted({0, len(held_out) // 2}):
        blurry, sharp = held_out.read(index)
        restored = restorer(blurry)
        captions = {
            f"{title} {score(image, sharp).psnr:.2f} dB": image
            for title, image in (("blurry", blurry), ("restored", restored))
        }
        sheets.append(comparison_sheet({**captions, "sharp": sharp}))
    return column(sheets)


if __name__ == "__main__":
    app.run(main)
