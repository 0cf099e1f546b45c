"""From the scores of many images to the numbers and tables that are published."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from egnet_tf.errors import InputError
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
    """

    psnr: float
    ssim: float
    compared: int
    identical: tuple[str, ...]
    failed: dict[str, str]


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
        about: what was scored; goes in as it is. `markdown_table` asks for "method"
            and "dataset", and compares "names" and "seed" where they are there.
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
    return value


def markdown_table(summaries: Iterable[Mapping[str, Any]]) -> str:
    """One table of several summaries of the same data, under the blurry images.

    Where some images could not be compared, the column says "5 of 6"; below the
    table stands every protocol and version that it rests on.

    Raises:
        InputError: they are not of the same data ("dataset", "names", "seed") and
            protocol.
    """
    summaries = list(summaries)
    for key in ("dataset", "names", "seed", "protocol"):
        values = {str(summary.get(key)) for summary in summaries}
        if len(values) > 1:
            raise InputError(
                f"Expected evaluations of the same {key}. "
                f"Received: {', '.join(sorted(values))}"
            )
    lines = [
        "| method | dataset | protocol | images | PSNR (dB) | SSIM |",
        "| --- | --- | --- | ---: | ---: | ---: |",
    ]
    with_blurry = [summary for summary in summaries if summary["blurry"]]
    if with_blurry:
        lines.append(_line("blurry", with_blurry[0], with_blurry[0]["blurry"]))
    for summary in summaries:
        lines.append(_line(summary["method"], summary, summary["restored"]))
    descriptions = dict.fromkeys(summary["description"] for summary in summaries)
    return "\n".join([*lines, "", *descriptions])


def _line(method: str, summary: Mapping[str, Any], mean: Mapping[str, Any]) -> str:
    images = str(summary["images"])
    if mean["compared"] != summary["images"]:
        images = f"{mean['compared']} of {images}"
    cells = (
        method,
        summary["dataset"],
        summary["protocol"],
        images,
        _number(mean["psnr"], digits=2),
        _number(mean["ssim"], digits=4),
    )
    return "| " + " | ".join(cells) + " |"


def _number(value: float | str | None, digits: int) -> str:
    if value is None:
        return "none"
    return f"{float(value):.{digits}f}"
