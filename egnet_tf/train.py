"""Trains a network: python -m egnet_tf.train --flagfile=configs/quickstart.flags.

The flags are the fields of `egnet_tf.training.Recipe`. The same command goes on from
the last checkpoint of a run that was stopped.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from egnet_tf import commands
from egnet_tf.data import open_pairs
from egnet_tf.training import Interrupted, RunFolder, recipe, train
from egnet_tf.training.strategy import device_strategy

_RUN = flags.DEFINE_string("run", None, "folder of the run, e.g. runs/gopro")
flags.mark_flag_as_required("run")
recipe.define_flags(flags.FLAGS)


def main() -> int:
    """Trains, then prints the table and draws the comparison of the run."""
    chosen = recipe.from_flags(flags.FLAGS)
    chosen.phase_steps()
    data = {"data_dir": chosen.data_dir or None, "seed": chosen.seed}
    pairs = open_pairs(chosen.dataset, split="train", **data)
    held_out = open_pairs(chosen.dataset, split="test", **data)
    run = RunFolder(Path(_RUN.value), chosen)
    print(
        f"{chosen.variant}: {len(pairs)} training pairs, {len(held_out)} held out, "
        f"run {run.path}",
        flush=True,
    )
    try:
        phase = train(chosen, run, device_strategy(), pairs, held_out)
    except Interrupted:
        print(f"Stopped and saved. The same command goes on: {run.path}")
        return 0
    return 0


if __name__ == "__main__":
    commands.run(main)
