"""The report as one HTML file that needs nothing but itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from egnet_tf.images.read import read_image
from egnet_tf.paper.curves import curves
from egnet_tf.paper.run_record import RunRecord, chosen_images

_MOST_WIDTH = 1200
_QUALITY = 88


class _Line(NamedTuple):
    """A row of a results table; `best` marks the larger numbers."""

    method: str
    psnr: str
    ssim: str
    images: str
    best: bool


class _Results(NamedTuple):
    """One table: evaluations of one dataset by one protocol."""

    title: str
    description: str
    lines: list[_Line]


def report_page(title: str, runs: Sequence[RunRecord], images: int = 3) -> str:
    """Writes the page.

    Args:
        title: its heading.
        runs: what it tells of.
        images: how many of each evaluation.

    Returns:
        HTML with styles, script and images inside; it asks for no other file.
    """
    environment = Environment(
        loader=PackageLoader("egnet_tf.paper", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    charts = [
        ("PSNR of the held-out pairs", "psnr", "PSNR (dB)"),
        ("SSIM of the held-out pairs", "ssim", "SSIM"),
        ("Loss of training", "loss", "loss"),
    ]
    return environment.get_template("report_page.html").render(
        title=title,
        names=[run.name for run in runs],
        tables=_tables(runs),
        charts=[
            (heading, Markup(drawn))
            for heading, key, axis in charts
            if (drawn := curves({r.name: r.curves[key] for r in runs}, "step", axis))
        ],
        runs=[_run(run, images) for run in runs],
    )


def _tables(runs: Sequence[RunRecord]) -> list[_Results]:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in runs:
        for evaluation in run.evaluations:
            summary = evaluation.summary
            key = summary["dataset"], summary["protocol"]
            groups.setdefault(key, []).append(summary)
    return [
        _Results(
            f"{dataset}, protocol {protocol}",
            summaries[0]["description"],
            _lines(summaries),
        )
        for (dataset, protocol), summaries in groups.items()
    ]


def _lines(summaries: Sequence[dict[str, Any]]) -> list[_Line]:
    means = [
        ("blurry", summary, summary["blurry"])
        for summary in summaries[:1]
        if summary["blurry"]
    ]
    means += [(s["method"], s, s["restored"]) for s in summaries]
    best = max(float(mean["psnr"] or "-inf") for _, _, mean in means)
    return [
        _Line(
            method,
            _number(mean["psnr"], 2),
            _number(mean["ssim"], 4),
            str(summary["images"])
            if mean["compared"] == summary["images"]
            else f"{mean['compared']} of {summary['images']}",
            float(mean["psnr"] or "-inf") == best,
        )
        for method, summary, mean in means
    ]


def _number(value: float | str | None, digits: int) -> str:
    return "none" if value is None else f"{float(value):.{digits}f}"


def _run(run: RunRecord, count: int) -> dict[str, Any]:
    shown = []
    for evaluation in run.evaluations:
        for scored in chosen_images(evaluation.images, count):
            shown.append(
                {
                    "name": scored.name,
                    "caption": f"{scored.name}: {scored.blurry_psnr:.2f} dB blurry, "
                    f"{scored.psnr:.2f} dB restored, SSIM {scored.ssim:.4f}",
                    **{
                        kind: _embedded(getattr(scored, kind))
                        for kind in ("blurry", "restored", "sharp")
                    },
                }
            )
    comparison = None
    if not shown and run.comparison:
        comparison = _embedded(run.comparison)
    return {
        "name": run.name,
        "recipe": run.recipe,
        "images": shown,
        "comparison": comparison,
    }


def _embedded(path: Path) -> dict[str, Any]:
    """An image as a data URL, with its size, so that the page does not jump."""
    image = Image.fromarray(np.ascontiguousarray(read_image(path)))
    image.thumbnail((_MOST_WIDTH, 4 * _MOST_WIDTH), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, subsampling="4:4:4")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return {
        "url": f"data:image/jpeg;base64,{encoded}",
        "width": image.width,
        "height": image.height,
    }
