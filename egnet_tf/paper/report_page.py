"""The report as one HTML file that needs nothing but itself."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from PIL import Image

from egnet_tf.cli.table import Cell
from egnet_tf.evaluation.summary import score_rows
from egnet_tf.images.read import read_image
from egnet_tf.paper.curves import curves
from egnet_tf.paper.run_record import RunRecord, chosen_images

_MOST_WIDTH = 1200
_QUALITY = 88

_COLUMNS = ("method", "PSNR (dB)", "SSIM", "images")


def report_page(title: str, runs: Sequence[RunRecord], images: int = 3) -> str:
    """The page: HTML with styles, script and images inside; it asks for no other file.

    The runs come in the order of their colours, each evaluation with so many images.
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
    environment.filters["breakable"] = _breakable
    return environment.get_template("report_page.html").render(
        title=title,
        names=[run.name for run in runs],
        columns=_COLUMNS,
        tables=_tables(runs),
        charts=[
            (heading, Markup(drawn))
            for heading, key, axis in charts
            if (drawn := curves({run.name: run.curves[key] for run in runs}, axis))
        ],
        runs=[_run(run, images) for run in runs],
    )


def _tables(runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """A table for the evaluations of each dataset by each protocol."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in runs:
        for evaluation in run.evaluations:
            summary = evaluation.summary
            key = summary["dataset"], summary["protocol"]
            groups.setdefault(key, []).append(summary)
    return [
        {
            "title": f"{dataset}, protocol {protocol}",
            "description": summaries[0]["description"],
            "rows": _rows(summaries),
        }
        for (dataset, protocol), summaries in groups.items()
    ]


def _rows(summaries: Sequence[dict[str, Any]]) -> list[tuple[list[Cell], bool]]:
    """Cells in the order of `_COLUMNS`, and whether a row is the best."""
    rows = score_rows(summaries)
    ratios = [float(row["PSNR (dB)"] or "-inf") for row in rows]
    return [
        ([row[name] for name in _COLUMNS], ratio == max(ratios))
        for row, ratio in zip(rows, ratios, strict=True)
    ]


def _breakable(text: str) -> Markup:
    """Lets a browser break a path after its slashes and underscores."""
    return Markup(re.sub(r"([/_])", r"\1<wbr>", str(escape(text))))


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
    drawn = None if shown else run.comparison
    return {
        "name": run.name,
        "recipe": run.recipe,
        "terms": run.terms,
        "images": shown,
        "comparison": drawn and _embedded(drawn),
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
