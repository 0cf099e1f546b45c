r"""Scores a model, or any method's images, by a named protocol.

python -m egnet_tf.evaluate --model=runs/quickstart --dataset=samples
python -m egnet_tf.evaluate --restored=results/ --sharp=gopro/test/ --protocol=gopro
python -m egnet_tf.evaluate --restored=photos/ --protocol=noreference
python -m egnet_tf.evaluate --restored=results/SRN --method=SRN --dataset=gopro \
    --data_dir=GOPRO_Large --protocol=gopro

The output folder gets scores.csv (a row an image) and summary.json; a Markdown table
is printed. An evaluation that was stopped resumes with the same command.
python -m egnet_tf.paper.table1 puts several evaluations into one table, and makes them.
"""

from __future__ import annotations

import logging
from pathlib import Path

from absl.flags import DEFINE_string, FlagValues

from egnet_tf.cli import app, dataset_flags, flags, restorer_flags
from egnet_tf.errors import InputError, require
from egnet_tf.evaluation.evaluate import (
    EvaluationOptions,
    evaluate_folder,
    evaluate_model,
    evaluate_results,
)
from egnet_tf.evaluation.summary import FAILURES, left_out, markdown_table
from egnet_tf.inference.options import RestorerOptions
from egnet_tf.inference.resolve import fusion_of, resolve
from egnet_tf.metrics import PROTOCOLS


def define_flags(values: FlagValues) -> None:
    """Defines the flags of the command."""
    for name, text in {
        "model": "Run, exported model, or variant with shipped weights that is scored.",
        "restored": "Instead of --model: a folder of images that were restored.",
        "sharp": "With --restored: the folder of the sharp images of the same names, "
        "in the place of a --dataset. Protocols that look at the image alone "
        "(noreference) need neither.",
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
    given = bool(values.sharp) + values["dataset"].present
    alone = not any(PROTOCOLS[name].needs_sharp for name in options.protocol)
    if values.restored and given != 1 and not (alone and given == 0):
        received = "both" if values.sharp else "neither"
        raise InputError(
            f"Expected --sharp or --dataset with --restored. Received: {received}"
        )
    if values.sharp and not values.restored:
        raise InputError("Expected --restored with --sharp. Received: none")
    if not options.protocol or len(set(options.protocol)) < len(options.protocol):
        raise InputError(
            "Expected different protocols for --protocol. "
            f"Received: {', '.join(options.protocol) or 'none'}"
        )
    if options.save_images and not values.model:
        raise InputError("Expected --model with --save_images. Received: --restored")
    if options.save_images and options.shard:
        raise InputError(
            "Expected no --save_images with --shard (egnet_tf.deblur has both). "
            f"Received: --shard={options.shard}"
        )
    about = {"dataset": dataset_flags.title(values), "seed": values.seed}
    if values.model:
        restoring = flags.read(RestorerOptions, values)
        fusion_of(resolve(values.model), restoring.branches, restoring.fuse)
        summaries = evaluate_model(
            values.model,
            lambda: restorer_flags.load(values, values.model),
            dataset_flags.open_pairs(values, results=True),
            options,
            restoring=restoring,
            **about,
        )
    elif values.sharp or not given:
        summaries = evaluate_folder(values.restored, values.sharp, options)
    else:
        pairs = dataset_flags.open_pairs(values)
        summaries = evaluate_results(values.restored, pairs, options, **about)
    for summary in summaries:
        folder = Path(summary["folder"])
        files = ["scores.csv"] if options.shard else ["scores.csv", "summary.json"]
        print(*(app.shown(folder / file) for file in files))
    if not options.shard:  # Means over a part would pass for those over all.
        print(f"\n{markdown_table(summaries)}")
    log = logging.getLogger(__name__)
    for summary in summaries:
        of_protocol = f"{summary['protocol']}: " if summaries[1:] else ""
        for title, items in left_out(summary).items():
            level = logging.ERROR if title in FAILURES else logging.WARNING
            for item in items:
                log.log(level, "%s%s: %s", of_protocol, title, item)
    return 1 if any(s.get("only_sharp") or s["unscored"] for s in summaries) else 0


if __name__ == "__main__":
    app.run(define_flags, main)
