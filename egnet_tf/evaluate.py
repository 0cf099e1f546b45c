"""Scores a model, or any method's images, by a named protocol.

python -m egnet_tf.evaluate --model=runs/quickstart --dataset=samples
python -m egnet_tf.evaluate --restored=results/ --sharp=gopro/test/ --protocol=gopro

The output folder gets scores.csv (a row an image) and summary.json; a Markdown table
is printed. An evaluation that was stopped resumes with the same command.
python -m egnet_tf.paper.table1 puts several evaluations into one table.
"""

from __future__ import annotations

import sys
from pathlib import Path

from absl.flags import DEFINE_string, FlagValues

from egnet_tf.cli import app, dataset_flags, flags, restorer_flags
from egnet_tf.errors import InputError, require
from egnet_tf.evaluation.evaluate import (
    EvaluationOptions,
    evaluate_folder,
    evaluate_model,
)
from egnet_tf.evaluation.summary import left_out, markdown_table
from egnet_tf.inference.resolve import resolve


def define_flags(values: FlagValues) -> None:
    """Defines the flags of the command."""
    for name, text in {
        "model": "Run, exported model, or variant with shipped weights that is scored.",
        "restored": "Instead of --model: a folder of images that were restored.",
        "sharp": "With --restored: the folder of the sharp images of the same names.",
    }.items():
        DEFINE_string(name, None, text, flag_values=values)
    dataset_flags.define(values)
    flags.define(EvaluationOptions, values)
    restorer_flags.define(values)


def main(values: FlagValues) -> int:
    """Evaluates; returns 1 if some images could not be scored.

    A mean over a part of the images must not pass for one over all.
    """
    require("tensorflow")
    options = flags.read(EvaluationOptions, values)
    if bool(values.model) == bool(values.restored):
        received = "both" if values.model else "neither"
        raise InputError(f"Expected --model or --restored. Received: {received}")
    if bool(values.sharp) != bool(values.restored):
        raise InputError("Expected --restored and --sharp together. Received: one")
    if options.save_images and not values.model:
        raise InputError("Expected --model with --save_images. Received: --restored")
    if values.model:
        resolve(values.model)
        summary = evaluate_model(
            values.model,
            lambda: restorer_flags.load(values, values.model),
            dataset_flags.open_pairs(values),
            options,
            dataset=dataset_flags.title(values),
            seed=values.seed,
            restoring=restorer_flags.chosen(values),
        )
    else:
        summary = evaluate_folder(values.restored, values.sharp, options)
    folder = Path(summary["folder"])
    print(f"{app.shown(folder / 'scores.csv')}\n{app.shown(folder / 'summary.json')}\n")
    print(markdown_table([summary]))
    for title, items in left_out(summary).items():
        lines = (f"  {app.shown(item)}" for item in items)
        print(f"{title} ({len(items)}):", *lines, sep="\n", file=sys.stderr)
    return 1 if summary.get("only_sharp") or summary["unscored"] else 0


if __name__ == "__main__":
    app.run(define_flags, main)
