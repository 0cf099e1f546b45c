"""Tables as commands print and write them: aligned text, Markdown, CSV.

A table is a sequence of rows: named tuples of one class, or mappings of the same keys
from a column's title to its cell. None is a cell without a value.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import NamedTuple, TypeAlias

from egnet_tf.files import replacing

Cell: TypeAlias = str | int | float | None
Row: TypeAlias = "Mapping[str, Cell] | NamedTuple"

_NONE = "–"  # noqa: RUF001 (a dash, as in the paper's tables)


def aligned(rows: Sequence[Row]) -> str:
    """The rows below their titles, columns of numbers to the right.

    Floats are shown with four significant digits.
    """
    head, cells = _read(rows)
    lines = [head, *([_text(cell) for cell in line] for line in cells)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    numeric = _numeric(cells)
    return "\n".join(
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, columns of numbers to the right."""
    head, cells = _read(rows)
    marks = ["---:" if right else "---" for right in _numeric(cells)]
    texts = [[_text(cell).replace("|", r"\|") for cell in line] for line in cells]
    lines = [head, marks, *texts]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_csv(path: str | PathLike[str], rows: Sequence[Row]) -> None:
    """Writes the rows with all their digits, whole or not at all.

    Missing folders are made; a cell without a value is left empty.
    """
    with replacing(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.DictWriter(file, _mapping(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(_mapping, rows))


def show(rows: Sequence[Row], csv_file: str | PathLike[str] | None = None) -> None:
    """Prints the rows aligned and writes them to a CSV file if one is named."""
    print(aligned(rows))
    if csv_file:
        write_csv(csv_file, rows)


def _mapping(row: Row) -> Mapping[str, Cell]:
    return row if isinstance(row, Mapping) else row._asdict()


def _read(rows: Sequence[Row]) -> tuple[list[str], list[list[Cell]]]:
    """Titles and cells. Titles of named tuples have blanks for underscores."""
    head = list(_mapping(rows[0]))
    cells = [list(_mapping(row).values()) for row in rows]
    if not isinstance(rows[0], Mapping):
        head = [name.replace("_", " ") for name in head]
    return head, cells


def _numeric(cells: Sequence[Sequence[Cell]]) -> list[bool]:
    """Whether a column's first value is a number, or a text that begins with one."""
    first = [
        next((cell for cell in column if cell is not None), 0)
        for column in zip(*cells, strict=True)
    ]
    return [
        not isinstance(c, str) or bool(re.match(r"(\*\*|<u>)?[-+]?\d", c))
        for c in first
    ]


def _text(cell: Cell) -> str:
    if cell is None:
        return _NONE
    if isinstance(cell, float):
        return f"{cell:.4g}" if abs(cell) < 1e4 else f"{cell:,.0f}"
    return f"{cell:,}" if type(cell) is int else str(cell)
