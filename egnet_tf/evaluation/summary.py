"""From the scores of many images to the numbers and tables that are published."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from egnet_tf.cli.table import Cell, markdown
from egnet_tf.evaluation.results_folder import Row
from egnet_tf.metrics.protocols import Protocol, Score


@dataclass(frozen=True)
class Mean:
    """The mean of many scores.

    Attributes:
        psnr: dB, over the compared images that differ from their sharp counterpart:
            one identical image (infinite PSNR) would make every mean infinite and
            every comparison void. Infinity if all compared images are identical,
            NaN if none was compared.
        ssim: over all compared images; NaN if none was.
        compared: how many images were compared.
        identical: names of the images with infinite PSNR.
        failed: names of the images that could not be compared, with the reason.
        further: the means of the protocol's other measures, over all compared images.
    """

    psnr: float
    ssim: float
    compared: int
    identical: tuple[str, ...]
    failed: dict[str, str]
    further: dict[str, float]


def mean_score(scores: Iterable[tuple[str, Score]]) -> Mean:
    """The mean over (name, score) pairs; `Mean` says what is averaged."""
    scores = list(scores)
    compared = [(name, score) for name, score in scores if not score.failure]
    finite = [score.psnr for _, score in compared if math.isfinite(score.psnr)]
    identical = tuple(name for name, score in compared if math.isinf(score.psnr))
    return Mean(
        psnr=_mean(finite) if finite or not identical else math.inf,
        ssim=_mean([score.ssim for _, score in compared]),
        compared=len(compared),
        identical=identical,
        failed={name: score.failure for name, score in scores if score.failure},
        further={
            name: _mean([score.further[name] for _, score in compared])
            for name in dict.fromkeys(x for _, score in compared for x in score.further)
        },
    )


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def summarize(
    rows: Iterable[Row],
    protocol: Protocol,
    about: Mapping[str, Any],
    unscored: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """What summary.json holds.

    Args:
        rows: of all images, in the dataset's order.
        protocol: by which they were scored.
        about: what was scored, copied as it is; `score_rows` reads "method" and
            "dataset", `egnet_tf.paper.table1` compares "names" and "seed".
        unscored: names of the images that could not be read, restored or compared,
            with the reason.

    Returns:
        JSON values: `about`, the protocol with the versions of its libraries, the
        number of images with those unscored, and the means, "blurry" being None
        where no blurry images were scored. NaN is None and infinity the string
        "inf", which JSON cannot hold as numbers.
    """
    rows = list(rows)
    blurry = [(row.name, row.blurry) for row in rows if row.blurry is not None]
    restored = [(row.name, row.restored) for row in rows]
    return {
        **about,
        "protocol": protocol.name,
        "description": protocol.description,
        "versions": protocol.versions,
        "images": len(rows) + len(unscored),
        "unscored": dict(unscored),
        "blurry": _as_json(mean_score(blurry)) if blurry else None,
        "restored": _as_json(mean_score(restored)),
    }


def _as_json(mean: Mean) -> dict[str, Any]:
    return {key: _json_value(value) for key, value in asdict(mean).items()}


def _json_value(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf"
    if isinstance(value, dict):
        return {name: _json_value(item) for name, item in value.items()}
    return value


def score_rows(summaries: Iterable[Mapping[str, Any]]) -> list[dict[str, Cell]]:
    """Rows of `egnet_tf.cli.table` for summaries of the same images.

    The blurry images come first, where they were scored, once for each protocol; then
    a row for each method. Measures beside PSNR and SSIM have a column each.
    """
    summaries = list(summaries)
    means = [mean for x in summaries for mean in (x["blurry"], x["restored"]) if mean]
    further = list(dict.fromkeys(x for mean in means for x in mean.get("further", {})))
    rows: list[dict[str, Cell]] = []
    begun: set[str] = set()
    for summary in summaries:
        if summary["blurry"] and summary["protocol"] not in begun:
            begun.add(summary["protocol"])
            rows.append(_row("blurry", summary, summary["blurry"], further))
        rows.append(_row(summary["method"], summary, summary["restored"], further))
    return rows


def markdown_table(summaries: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a Markdown table, with the protocol's definition below."""
    notes = dict.fromkeys(summary["description"] for summary in summaries)
    return "\n".join([markdown(score_rows(summaries)), "", *notes])


FAILURES = ("not scored", "sharp without a restored image, not scored")
"""The titles of `left_out` under which an evaluation is incomplete."""


def left_out(summary: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is not in the means: a title for each kind to its images, with reasons."""
    kinds = {
        FAILURES[0]: _reasons(summary["unscored"]),
        "restored without a sharp image, not scored": summary.get("only_restored"),
        FAILURES[1]: summary.get("only_sharp"),
    }
    for name in ("blurry", "restored"):
        mean = summary[name] or {"failed": {}, "identical": []}
        kinds |= {
            f"{name}, not compared and not in the means": _reasons(mean["failed"]),
            f"{name}, identical to sharp and not in the mean PSNR": mean["identical"],
        }
    return {title: list(items) for title, items in kinds.items() if items}


def _reasons(failed: Mapping[str, str]) -> list[str]:
    return [f"{name}: {reason}" for name, reason in failed.items()]


def images_compared(summary: Mapping[str, Any], mean: Mapping[str, Any]) -> str:
    """The number of images in a mean: "6", or "5 of 6" if some were not compared."""
    if mean["compared"] == summary["images"]:
        return str(summary["images"])
    return f"{mean['compared']} of {summary['images']}"


def _row(
    method: str,
    summary: Mapping[str, Any],
    mean: Mapping[str, Any],
    further: Sequence[str],
) -> dict[str, Cell]:
    return {
        "method": method,
        "dataset": summary["dataset"],
        "protocol": summary["protocol"],
        "images": images_compared(summary, mean),
        "PSNR (dB)": _number(mean["psnr"], digits=2),
        "SSIM": _number(mean["ssim"], digits=4),
        **{
            name.upper(): _number(mean.get("further", {}).get(name), digits=3)
            for name in further
        },
    }


def _number(value: float | str | None, digits: int) -> str | None:
    return None if value is None else f"{float(value):.{digits}f}"
