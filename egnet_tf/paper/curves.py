"""Curves of training as SVG that takes its colours from the page it stands in."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

# Checks that matplotlib is installed.
from egnet_tf.visualization.figures import Figure, TextPath

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"#010101": "var(--ink)", "#020202": "var(--soft)", "#030303": "var(--line)"}
_SERIES = {f"#0400{i:02d}": f"var(--c{i})" for i in range(6)}
_FEW = 30
"""Points up to which each is marked by a dot."""

_WIDTH, _TEXT = 5.4, 9.0
"""Inches of the figure, points of the phases' names."""


class Segment(NamedTuple):
    """A curve's part in one phase of training.

    Attributes:
        phase: its name.
        start: the step at which the phase begins.
        points: (step, value), ascending.
    """

    phase: str
    start: int
    points: Sequence[tuple[float, float]]


def curves(
    series: Mapping[str, Sequence[Segment]],
    y_title: str,
    *,
    x_title: str = "step",
    name: str = "",
) -> str:
    """Draws curves by the steps of training in one pair of axes.

    A curve is interrupted where a phase ends, for another network is trained then; a
    line with the phase's name marks where the next begins.

    Args:
        series: by run. Values that are not finite are left out.
        y_title: of the vertical axis.
        x_title: of the horizontal axis.
        name: what no other chart of the page is called; by default `y_title`.

    Returns:
        An <svg> element for a page that defines the CSS colours --ink, --soft, --line
        and --c0 to --c5, described for screen readers; "" without points.
    """
    drawn: dict[str, list[Segment]] = {run: [] for run in series}
    for run, segments in series.items():
        for segment in segments:
            finite = [point for point in segment.points if math.isfinite(point[1])]
            if finite:
                drawn[run].append(segment._replace(points=finite))
    if not any(drawn.values()):
        return ""
    ink, soft, line = _COLOURS
    figure = Figure(figsize=(_WIDTH, 3.2), layout="constrained")
    figure.patch.set_visible(False)
    axes = figure.add_subplot()
    axes.patch.set_visible(False)
    axes.set_xlabel(x_title, color=ink)
    axes.set_ylabel(y_title, color=ink)
    axes.tick_params(length=0, labelcolor=soft)
    axes.spines[:].set_visible(False)
    axes.grid(axis="y", color=line)
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    for number, segments in enumerate(drawn.values()):
        for _, _, points in segments:
            axes.plot(
                *zip(*points, strict=True),
                color=list(_SERIES)[number % len(_SERIES)],
                marker="o" if len(points) <= _FEW else None,
                markersize=4,
            )
    _mark_phases(axes, [s for segments in drawn.values() for s in segments])
    return _inline(figure, name or y_title, _description(drawn, y_title))


def _mark_phases(axes: Axes, segments: Sequence[Segment]) -> None:
    """Marks where phases begin, unless there is but one; no name covers another."""
    _, soft, line = _COLOURS
    phases: dict[int, list[str]] = {}
    for segment in sorted(segments, key=lambda segment: segment.start):
        named = phases.setdefault(segment.start, [])
        if segment.phase not in named:
            named.append(segment.phase)
    if sum(map(len, phases.values())) < 2:
        return
    low, high = axes.get_xlim()
    # The axes are somewhat narrower than the figure.
    inch = (high - low) / (0.8 * _WIDTH)
    ends: list[float] = []
    """Of the last name in each line above the axes."""
    for start, named in phases.items():
        axes.axvline(start, color=line, linestyle="--", zorder=0)
        text = ", ".join(named)
        extent = TextPath((0, 0), text, size=_TEXT).get_extents().width + 8
        width = extent / 72 * inch
        outside = start + width > high
        left = start - width if outside else start
        row = next((i for i, end in enumerate(ends) if end <= left), len(ends))
        ends[row : row + 1] = [left + width]
        axes.annotate(
            text,
            (start, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-3 if outside else 3, 1 + 1.2 * _TEXT * row),
            textcoords="offset points",
            horizontalalignment="right" if outside else "left",
            color=soft,
            fontsize=_TEXT,
        )


def _description(drawn: Mapping[str, Sequence[Segment]], y_title: str) -> str:
    ends = (
        f"{name}: {segments[0].points[0][1]:.4g} at first, "
        f"{segments[-1].points[-1][1]:.4g} at last"
        for name, segments in drawn.items()
        if segments
    )
    return f"{y_title} by step. {', '.join(ends)}"


def _inline(figure: Figure, name: str, description: str) -> str:
    """The figure as an <svg> element whose ids begin with the name."""
    import matplotlib

    file = io.StringIO()
    # Text stays text; a fixed salt makes the same ids for the same figure.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", metadata=nothing)
    svg = file.getvalue()
    box = re.search(r'viewBox="[^"]*"', svg)
    body = svg[svg.index(">", svg.index("<svg")) + 1 :].strip()
    prefix = re.sub(r"\W+", "", name)
    body = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{prefix}-", body)
    for colour, variable in (_COLOURS | _SERIES).items():
        body = body.replace(colour, variable)
    head = (
        f'<svg {box[0] if box else ""} role="img" aria-label="{escape(description)}">'
    )
    return head + body
