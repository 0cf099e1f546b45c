"""Evaluations from end to end: score the images and write the results folder."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

import egnet_tf
from egnet_tf.data.pairs import Pairs
from egnet_tf.evaluation.matching import match_folders
from egnet_tf.evaluation.results_folder import EvaluationFolder
from egnet_tf.evaluation.scoring import Images, Unscored, score_images
from egnet_tf.evaluation.summary import summarize
from egnet_tf.images.read import read_image
from egnet_tf.images.write import write_image
from egnet_tf.inference.resolve import resolve
from egnet_tf.metrics import PROTOCOLS
from egnet_tf.options import option

if TYPE_CHECKING:
    from egnet_tf.inference.restorer import Restorer


@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """How images are scored, and where the scores go."""

    protocol: str = option(
        "plain",
        "The protocol by which images are scored (docs/evaluate.md).",
        choices=tuple(PROTOCOLS),
    )
    output: str = option(
        "",
        "The output folder. By default evaluation/<dataset>_<protocol> in the run; "
        "for other models in runs/evaluation/<model>; for --restored beside that "
        "folder.",
    )
    save_images: bool = option(
        False,
        "With --model: write images/{blurry,restored,sharp}/<name>.png to the output "
        "folder, too.",
    )
    overwrite: bool = option(
        False, "Replace the scores of another model, protocol or dataset."
    )
    workers: int = option(os.cpu_count() or 1, "Threads that score images.", lower=1)


def evaluate_model(
    model: str,
    load: Callable[[], Restorer],
    pairs: Pairs,
    options: EvaluationOptions,
    *,
    dataset: str,
    seed: int,
    restoring: Mapping[str, str],
) -> dict[str, Any]:
    """Scores what a model makes of a dataset.

    Args:
        model: see `egnet_tf.load`.
        load: loads it, ready to restore; called only if there is anything to score.
        pairs: the dataset.
        options: see `EvaluationOptions`.
        dataset: what to call the dataset: "gopro test, gopro_blur=gamma".
        seed: that the pairs were opened with.
        restoring: how the model restores, where that is unusual: {"tile": "256"}.

    Returns:
        What summary.json holds.

    Raises:
        InputError: no such model, or the output folder holds another evaluation.
    """
    source = resolve(model)
    about = {
        "method": " ".join([model, *(f"--{k}={v}" for k, v in restoring.items())]),
        "weights": _digest(
            hashlib.sha256(file.read_bytes()).hexdigest() + file.name
            for file in source.files()
        ),
        "egnet_tf": egnet_tf.__version__,
        "dataset": dataset,
        "seed": seed,
        "names": _digest(pairs.names),
    }
    restorer = functools.cache(load)

    def images(index: int) -> Images:
        pair = pairs.read(index)
        result = Images(restorer()(pair.blurry), pair.sharp, pair.blurry)
        if options.save_images:
            for kind, image in result._asdict().items():
                write_image(folder.image(kind, pairs.names[index]), image)
        return result

    home = Path("runs", "evaluation", Path(model).stem)
    if source.kind == "run":
        home = source.path.parent / "evaluation"
    parts = [dataset.replace(" test", "", 1), options.protocol]
    parts += [f"{name}={text}" for name, text in restoring.items()]
    folder = _open(home / re.sub(r"[^\w.=-]+", "_", "_".join(parts)), about, options)
    if options.save_images:
        for index, name in enumerate(pairs.names):
            files = [folder.image(kind, name) for kind in Images._fields]
            if name in folder.rows and not all(file.exists() for file in files):
                images(index)
    if len(folder.rows) < len(pairs):
        restorer()  # Here an error is of the model, later it would be of each image.
    return _score(pairs.names, images, folder, about, options)


def evaluate_folder(
    restored: str, sharp: str, options: EvaluationOptions
) -> dict[str, Any]:
    """Scores the images of any method against sharp images of the same names.

    Returns:
        What summary.json holds: also the files "only_restored" and "only_sharp".

    Raises:
        InputError: see `match_folders`, or the output folder holds another evaluation.
    """
    match = match_folders(restored, sharp)
    names = tuple(match.pairs)
    about = {
        "method": restored,
        "files": _digest(
            f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}"
            for files in match.pairs.values()
            for file in files
        ),
        "dataset": sharp,
        "names": _digest(names),
    }

    def images(index: int) -> Images:
        return Images(*map(read_image, match.pairs[names[index]]))

    beside = Path(restored).with_name(f"{Path(restored).name}_evaluation")
    folder = _open(beside / options.protocol, about, options)
    unmatched = {
        "only_restored": [str(file) for file in match.only_restored],
        "only_sharp": [str(file) for file in match.only_sharp],
    }
    return _score(names, images, folder, {**about, **unmatched}, options)


def _open(
    default: Path, about: Mapping[str, Any], options: EvaluationOptions
) -> EvaluationFolder:
    identity = {**about, "protocol": PROTOCOLS[options.protocol].description}
    output = options.output or default
    return EvaluationFolder(output, identity, overwrite=options.overwrite)


def _score(
    names: Sequence[str],
    images: Callable[[int], Images],
    folder: EvaluationFolder,
    about: Mapping[str, Any],
    options: EvaluationOptions,
) -> dict[str, Any]:
    protocol = PROTOCOLS[options.protocol]
    rows = score_images(names, images, protocol, folder, workers=options.workers)
    left = len(names) - len(folder.rows)
    progress = tqdm(rows, "scoring", left, unit="image", disable=None)
    unscored = {row.name: row.reason for row in progress if isinstance(row, Unscored)}
    summary = summarize(folder.sort(names), protocol, about, unscored)
    folder.write_summary(summary)
    return {**summary, "folder": str(folder.path)}


def _digest(lines: Iterable[str]) -> str:
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:16]
