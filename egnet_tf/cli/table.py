"""Rows of a measurement as commands print and write them: aligned, or as CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from egnet_tf.files import replacing


def aligned(rows: Sequence[NamedTuple]) -> str:
    """The rows under their fields' names; numbers to the right, four digits of each."""
    titles = [name.replace("_", " ") for name in rows[0]._fields]
    cells = [titles, *([_text(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    words = [isinstance(value, str) for value in rows[0]]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if word else cell.rjust(width)
            for cell, width, word in zip(line, widths, words, strict=True)
        ).rstrip()
        for line in cells
    )


def write_csv(path: Path, rows: Sequence[NamedTuple]) -> None:
    """Writes the rows with all their digits, whole or not at all."""
    with replacing(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(rows[0]._fields)
        writer.writerows(rows)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:,}" if type(value) is int else str(value)
