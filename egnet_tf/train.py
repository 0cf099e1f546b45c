"""Trains a network: python -m egnet_tf.train --flagfile=configs/quickstart.flags.

The flags are the fields of `egnet_tf.training.Recipe`. The same command goes on from
the last checkpoint of a run that was stopped.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from egnet_tf import commands
from egnet_tf.data import Pairs, open_pairs
from egnet_tf.data.pictures import write_picture
from egnet_tf.figures import column, comparison_sheet
from egnet_tf.inference import Restorer
from egnet_tf.metrics import protocol_named
from egnet_tf.training import Interrupted, RunFolder, recipe, train
from egnet_tf.training.phases import TITLES
from egnet_tf.training.strategy import device_strategy

_RUN = flags.DEFINE_string("run", None, "folder of the run, e.g. runs/gopro")
flags.mark_flag_as_required("run")
recipe.define_flags(flags.FLAGS)


def main() -> None:
    """Trains, then prints the table of the phases and draws the comparison."""
    chosen = recipe.from_flags(flags.FLAGS)
    chosen.phase_steps()
    data = {"data_dir": chosen.data_dir or None, "options": chosen.data_options()}
    pairs = open_pairs(chosen.dataset, split="train", seed=chosen.seed, **data)
    # The seed of `evaluate`: its scores are then those of the table below.
    validation = chosen.validation or chosen.dataset
    held_out = open_pairs(validation, split="test", seed=0, **data)
    run = RunFolder(Path(_RUN.value), chosen)
    print(
        f"{chosen.variant}: {len(pairs)} training pairs, {len(held_out)} held out, "
        f"run {run.path}",
        flush=True,
    )
    try:
        restorer = train(chosen, run, device_strategy(), pairs, held_out)
    except Interrupted:
        print(f"Stopped; all is saved. The same command goes on with {run.path}.")
        return
    picture = run.path / "compare.png"
    write_picture(picture, _comparison(restorer, held_out))
    print(f"\n{_table(run)}\n\n{picture}: blurry, restored, sharp")


def _table(run: RunFolder) -> str:
    """The last validation of each phase, below the blurry pictures it started from."""
    ends = {row["phase"]: row for row in run.metrics()}
    first = next(iter(ends.values()))
    rows = [("blurry", first["blurry_psnr"], first["blurry_ssim"])]
    rows += [(TITLES[name], row["psnr"], row["ssim"]) for name, row in ends.items()]
    lines = [f"{'held-out pairs':18}{'PSNR (dB)':>10}{'SSIM':>10}"]
    lines += [f"{name:18}{float(p):10.2f}{float(s):10.4f}" for name, p, s in rows]
    return "\n".join(lines)


def _comparison(restorer: Restorer, held_out: Pairs):
    """A sheet of the first held-out pair and one from the middle."""
    score, sheets = protocol_named("plain").score, []
    for index in sorted({0, len(held_out) // 2}):
        blurry, sharp = held_out.read(index)
        restored = restorer(blurry)
        captions = {
            f"{title} {score(picture, sharp).psnr:.2f} dB": picture
            for title, picture in (("blurry", blurry), ("restored", restored))
        }
        sheets.append(comparison_sheet({**captions, "sharp": sharp}))
    return column(sheets)


if __name__ == "__main__":
    commands.run(main)
