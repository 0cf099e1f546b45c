"""The report as one HTML file that needs nothing but itself."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from PIL import Image

from egnet_tf.cli.table import Cell
from egnet_tf.evaluation.summary import score_rows
from egnet_tf.images.read import read_image
from egnet_tf.paper.curves import Segment, curves
from egnet_tf.paper.run_record import LossTerm, RunRecord, Scored, chosen_images
from egnet_tf.visualization.zooms import largest_differences

_MOST_WIDTH = 1920
"""Of an embedded image: a frame of a video keeps its pixels, to be zoomed in."""

_QUALITY = 88


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
    environment.filters["breakable"] = _breakable
    return environment.get_template("report_page.html").render(
        title=title,
        names=[run.name for run in runs],
        tables=_tables(runs),
        charts=[(title, Markup(drawn)) for title, drawn in _charts(runs) if drawn],
        runs=[_run(run, images) for run in runs],
    )


def _charts(runs: Sequence[RunRecord]) -> Iterator[tuple[str, str]]:
    """Titles and curves: the validations, then each loss in a panel of its own.

    Losses of two phases, or of runs with other terms, are not on one scale. Their
    steps are those of the phase, for runs may begin it at different ones.
    """
    for title, key, axis in (
        ("PSNR of the held-out pairs", "psnr", "PSNR (dB)"),
        ("SSIM of the held-out pairs", "ssim", "SSIM"),
    ):
        yield title, curves({run.name: run.curves[key] for run in runs}, axis)
    kinds: dict[tuple[str, str], dict[str, list[Segment]]] = {}
    for run in runs:
        for phase, start, points in run.curves["loss"]:
            # All runs, in the order of their colours.
            panel = kinds.setdefault((phase, run.loss), {run.name: [] for run in runs})
            own = [(step - start, value) for step, value in points]
            panel[run.name].append(Segment(phase, 0, own))
    for (phase, loss), panel in kinds.items():
        title = f"Loss of the phase {phase}{loss and f': {loss}'}"
        yield title, curves(panel, "loss", x_title="step of the phase", name=title)


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
            **_rows(summaries),
        }
        for (dataset, protocol), summaries in groups.items()
    ]


def _rows(summaries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The columns with a number in any row, and the rows.

    Each row is its cells, and whether its PSNR is the highest.
    """
    rows = score_rows(summaries)
    measures = rows[0].keys() - {"method", "dataset", "protocol", "images"}
    numbers = [
        name
        for name in rows[0]
        if name in measures and any(row[name] is not None for row in rows)
    ]
    columns = ["method", *numbers, "images"]
    ratios = [float(row["PSNR (dB)"] or "-inf") for row in rows]
    best = max(ratios) if any(row["PSNR (dB)"] for row in rows) else None
    return {
        "columns": columns,
        "rows": [
            ([row[name] for name in columns], ratio == best)
            for row, ratio in zip(rows, ratios, strict=True)
        ],
    }


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
                    "focus": _focus(scored),
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
        "terms": [(_term(term), False) for term in run.terms],
        "images": shown,
        "comparison": drawn and _embedded(drawn),
    }


def _term(term: LossTerm) -> list[Cell]:
    name, share = f"{term.phase}, {term.term}", f"{100 * term.share:.3g}%"
    return [name, term.stage, f"{term.value:.3g}", share]


def _focus(scored: Scored) -> tuple[float, float]:
    """Where zooming begins, as parts of width and height.

    It is the middle of the window in which the blurry and the restored image differ
    most where something is.
    """
    kinds = scored.blurry, scored.restored, scored.sharp
    blurry, restored, sharp = map(read_image, kinds)
    height, width = blurry.shape[:2]
    if not blurry.shape == restored.shape == sharp.shape:
        return 0.5, 0.5
    quarter = height // 4, width // 4
    (zoom,) = largest_differences([blurry, restored], quarter, sharp=sharp)
    x, y = zoom.left + zoom.width / 2, zoom.top + zoom.height / 2
    return round(x / width, 3), round(y / height, 3)


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
