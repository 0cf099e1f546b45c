"""Curves as SVG that takes its colours from the page it stands in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 420, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 12, 46
_MOST_POINTS = 400


def curves(
    series: Mapping[str, Sequence[tuple[float, float]]], x_title: str, y_title: str
) -> str:
    """Draws lines in one pair of axes.

    The page styles the classes axis, grid, tick and, of each line in turn, series0,
    series1, ... (`stroke` and `fill` by `currentColor`). Text is text.

    Args:
        series: points by name, ascending in x; those that are not finite are left out.
        x_title: below the axis.
        y_title: beside the axis.

    Returns:
        An <svg> element that describes itself to screen readers; "" without points.
    """
    series = {
        name: thinned([p for p in points if all(map(math.isfinite, p))])
        for name, points in series.items()
    }
    series = {name: points for name, points in series.items() if points}
    if not series:
        return ""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    x_ticks, y_ticks = ticks(min(xs), max(xs), 5), ticks(min(ys), max(ys), 5)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return (
            _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM),
        )

    parts = []
    for y in y_ticks:
        (left, height), (right, _) = place(x_ticks[0], y), place(x_ticks[-1], y)
        parts.append(
            f'<line class="grid" x1="{left:.1f}" x2="{right:.1f}" y1="{height:.1f}" '
            f'y2="{height:.1f}"/><text class="tick" x="{left - 6:.1f}" '
            f'y="{height + 4:.1f}" text-anchor="end">{_number(y)}</text>'
        )
    for x in x_ticks:
        across, bottom = place(x, y_ticks[0])
        parts.append(
            f'<text class="tick" x="{across:.1f}" y="{bottom + 18:.1f}" '
            f'text-anchor="middle">{_number(x)}</text>'
        )
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(
        f'<text class="axis" x="{(_LEFT + _WIDTH - _RIGHT) / 2:.1f}" '
        f'y="{_HEIGHT - 6}" text-anchor="middle">{escape(x_title)}</text>'
        f'<text class="axis" x="14" y="{middle:.1f}" text-anchor="middle" '
        f'transform="rotate(-90 14 {middle:.1f})">{escape(y_title)}</text>'
    )
    for number, points in enumerate(series.values()):
        placed = [place(*point) for point in points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        dots = ""
        if len(placed) <= 30:
            dots = "".join(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in placed
            )
        parts.append(
            f'<g class="series{number % 6}"><polyline points="{line}"/>{dots}</g>'
        )
    ends = ", ".join(
        f"{name}: {_number(points[0][1])} at first, {_number(points[-1][1])} at last"
        for name, points in series.items()
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(f"{y_title} by {x_title}. {ends}")}">'
        + "".join(parts)
        + "</svg>"
    )


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers about `count` steps apart, around all from low to high."""
    if low == high:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * number for number in range(first, last + 1)]


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Means over equal numbers of neighbours, so that at most 400 points are left."""
    size = math.ceil(len(points) / _MOST_POINTS) or 1
    groups = (points[i : i + size] for i in range(0, len(points), size))
    return [
        (
            math.fsum(x for x, _ in group) / len(group),
            math.fsum(y for _, y in group) / len(group),
        )
        for group in groups
    ]


def _number(value: float) -> str:
    if abs(value) >= 10_000:
        return f"{value / 1000:,.6g}k"
    return f"{round(value, 10):.4g}"
