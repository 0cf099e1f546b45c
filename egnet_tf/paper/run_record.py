"""What a run has left in its folder, for the report."""

from __future__ import annotations

import contextlib
import csv
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from egnet_tf.errors import InputError
from egnet_tf.evaluation.results_folder import read_summary
from egnet_tf.files import path_below
from egnet_tf.paper.curves import Segment
from egnet_tf.trial import one_line

Scalars = dict[str, list[tuple[int, float]]]
"""Of one phase: (step, value), ascending, by TensorBoard's name."""


_LOSS_FLAGS = {
    "gradient_loss": "true",
    "loss_weights": "",
    "gradient_normalise": "",
    "ms_ssim": "wang",
}
"""Flags beside --loss that change the loss, with the values that are not told."""


class Scored(NamedTuple):
    """An image of an evaluation with its files."""

    name: str
    blurry_psnr: float
    psnr: float
    ssim: float
    blurry: Path
    restored: Path
    sharp: Path


class Evaluation(NamedTuple):
    """A finished evaluation with the images that it saved."""

    summary: dict[str, Any]
    images: list[Scored]


class LossTerm(NamedTuple):
    """A term of the loss in the last tenth of a phase's logged steps, in the mean.

    Attributes:
        phase: of training.
        term: its name, such as "gradient".
        stage: "stage1", ..., or "all" for the sum over the stages.
        value: unweighted.
        share: of the weighted term in the whole loss.
    """

    phase: str
    term: str
    stage: str
    value: float
    share: float


class RunRecord(NamedTuple):
    """One run.

    Attributes:
        name: the folder's path as given.
        recipe: the text of recipe.flags, "" if it was not trained here.
        loss: what the recipe says of the loss, such as "egnet, gradient_loss=false".
        terms: of the loss, see `LossTerm`; those of each phase together.
        curves: "psnr" and "ssim" of the validations and "loss" of the training steps,
            a segment for each phase. Steps are counted over all phases.
        evaluations: those that are finished.
        comparison: the image that training drew at its end, if it did.
    """

    name: str
    recipe: str
    loss: str
    terms: list[LossTerm]
    curves: dict[str, list[Segment]]
    evaluations: list[Evaluation]
    comparison: Path | None


def read_run(folder: Path) -> RunRecord:
    """Reads a run's folder.

    Raises:
        InputError: there is neither a training nor an evaluation in it, or a table or
            a summary is damaged.
    """
    recipe, image = folder / "recipe.flags", folder / "compare.png"
    evaluations = [
        _read_evaluation(file.parent) for file in sorted(folder.rglob("summary.json"))
    ]
    if not recipe.exists() and not evaluations:
        raise InputError(
            "Expected a run's folder (recipe.flags) or a folder with evaluations. "
            f"Received: {folder}"
        )
    scalars = {
        path.name: _read_scalars(path) for path in sorted((folder / "logs").glob("*"))
    }
    text = recipe.read_text("utf-8", "replace") if recipe.exists() else ""
    return RunRecord(
        str(folder),
        text,
        _loss(text),
        _loss_terms(scalars),
        _read_curves(folder, scalars),
        evaluations,
        image if image.exists() else None,
    )


def chosen_images(images: Sequence[Scored], count: int) -> list[Scored]:
    """Images evenly spread from the least to the greatest gain in PSNR.

    Neither the best nor the worst result is hidden.
    """
    ranked = sorted(images, key=lambda scored: scored.psnr - scored.blurry_psnr)
    if len(ranked) <= count:
        return ranked
    if count == 1:
        return [ranked[len(ranked) // 2]]
    last = len(ranked) - 1
    return [ranked[round(i * last / (count - 1))] for i in range(count)]


def _read_evaluation(folder: Path) -> Evaluation:
    images = []
    for row in _read_table(folder / "scores.csv"):
        with _explained(folder / "scores.csv"):
            files = [
                path_below(folder / "images" / kind, f"{row['name']}.png")
                for kind in ("blurry", "restored", "sharp")
            ]
            if row["blurry_psnr"] and all(file.exists() for file in files):
                blurry, psnr = float(row["blurry_psnr"]), float(row["restored_psnr"])
                ssim = float(row["restored_ssim"])
                images.append(Scored(row["name"], blurry, psnr, ssim, *files))
    return Evaluation(read_summary(folder), images)


def _read_curves(
    folder: Path, scalars: Mapping[str, Scalars]
) -> dict[str, list[Segment]]:
    curves: dict[str, list[Segment]] = {"psnr": [], "ssim": [], "loss": []}
    table = folder / "metrics.csv"
    if not table.exists():
        return curves
    rows = _read_table(table)
    start = 0
    with _explained(table):
        for phase in dict.fromkeys(row["phase"] for row in rows):
            found = [row for row in rows if row["phase"] == phase]
            points = {
                name: [(int(row["step"]), float(row[name])) for row in found]
                for name in ("psnr", "ssim")
            }
            points["loss"] = scalars.get(phase, {}).get("loss/total", [])
            for name, of_phase in points.items():
                shifted = [(start + step, value) for step, value in of_phase]
                curves[name].append(Segment(phase, start, shifted))
            start += int(found[-1]["step"])
    return curves


def _read_table(path: Path) -> list[dict[str, str]]:
    with _explained(path), open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Says of a table that it is damaged, whatever is met first."""
    try:
        yield
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"Expected a table that this program wrote. Received: {path} "
            f"({type(error).__name__}: {one_line(error)})"
        ) from None


def _loss_terms(scalars: Mapping[str, Scalars]) -> list[LossTerm]:
    found = []
    for phase, values in scalars.items():
        for tag, points in values.items():
            share = values.get(tag.replace("loss/", "loss_share/", 1))
            if tag.startswith("loss/") and share:
                term, _, stage = tag.removeprefix("loss/").partition("/")
                means = _end(points), _end(share)
                found.append(LossTerm(phase, term, stage or "all", *means))
    return found


def _loss(recipe: str) -> str:
    """The flags of a recipe that make two losses incomparable, in a few words."""
    lines = (line.removeprefix("--").partition("=") for line in recipe.splitlines())
    flags = {name: value for name, _, value in lines}
    words = [flags["loss"]] if "loss" in flags else []
    for name, default in _LOSS_FLAGS.items():
        if flags.get(name, default) != default:
            words.append(f"{name}={flags[name]}")
    return ", ".join(words)


def _end(points: Sequence[tuple[int, float]]) -> float:
    """The mean of the last tenth of the points, of one at least."""
    return statistics.fmean(value for _, value in points[-max(1, len(points) // 10) :])


def _read_scalars(folder: Path) -> Scalars:
    """The losses in TensorBoard's files; the last value of each step counts."""
    if not folder.is_dir():
        return {}
    # Here, because it takes a second: not every run has such files.
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    # A sample of the steps: images are tensors too, and may be many.
    events = EventAccumulator(str(folder), size_guidance={"tensors": 1000})
    found = {}
    try:
        events.Reload()
        for tag in events.Tags()["tensors"]:
            if tag.startswith(("loss/", "loss_share/")):
                values = events.Tensors(tag)
                points = {e.step: float(make_ndarray(e.tensor_proto)) for e in values}
                found[tag] = sorted(points.items())
    except Exception as error:  # Of a damaged file: those of several libraries.
        raise InputError(
            f"Expected TensorBoard's files of a training. Received: {folder} "
            f"({type(error).__name__}: {one_line(error)})"
        ) from None
    return found
