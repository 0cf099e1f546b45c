"""The folder of an evaluation: its table grows row by row and survives a kill.

It holds evaluation.json (what is scored and how), scores.csv (a row an image),
summary.json (the means, once all are scored) and, on request, the images.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from egnet_tf.errors import InputError
from egnet_tf.files import path_below, read_json, write_json, write_text
from egnet_tf.metrics.protocols import Score
from egnet_tf.trial import one_line

_HEADER = (
    "name",
    "blurry_psnr",
    "blurry_ssim",
    "blurry_failure",
    "restored_psnr",
    "restored_ssim",
    "restored_failure",
    "restored_in",
)


class Row(NamedTuple):
    """The scores of one image.

    `blurry` is None where no blurry one was given. `restored_in` says what a model
    restored at once, "whole" or "tiles of 512x512"; "" for the images of a folder.
    """

    name: str
    restored: Score
    blurry: Score | None = None
    restored_in: str = ""


class EvaluationFolder:
    """Scores that are on the disk as soon as they are known.

    An evaluation that was killed resumes; a last line that was cut off is dropped and
    scored again. `rows` are the scored images by name.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        identity: Mapping[str, Any],
        *,
        overwrite: bool = False,
        further: Sequence[str] = (),
    ):
        """Opens the folder, or makes it.

        Args:
            path: the folder, there or not.
            identity: JSON values that say what is scored and how. Rows are kept
                for the same identity only.
            overwrite: replace the scores and images of another identity.
            further: names of the measures that scores have beside PSNR and SSIM
                (`Protocol.further`), which get columns of their own.

        Raises:
            InputError: the folder holds scores of another identity, or a damaged
                table, and `overwrite` is false.
        """
        self.path = Path(path)
        self._further = tuple(further)
        self._header = list(_HEADER)
        for kind in ("blurry", "restored"):
            self._header += [f"{kind}_{name}" for name in further]
        self.rows: dict[str, Row] = {}
        self._note = self.path / "evaluation.json"
        self._table = self.path / "scores.csv"
        self.path.mkdir(parents=True, exist_ok=True)
        if self._note.exists() or self._table.exists():
            try:
                # As it comes back from the file: tuples become lists.
                self._check_identity(json.loads(json.dumps(identity)))
                if self._table.exists():
                    self._load()
            except InputError:
                if not overwrite:
                    raise
                self._clear()
        if not self._note.exists():
            write_json(self._note, identity)
        if not self._table.exists():
            self._write_rows(())

    def _check_identity(self, identity: dict[str, Any]) -> None:
        found = _read_if_sound(self._note)
        keys = [*identity, *(key for key in found if key not in identity)]
        differing = [key for key in keys if found.get(key) != identity.get(key)]
        if differing:
            raise InputError(
                f"Expected {self.path} to hold scores of this evaluation; "
                "--overwrite replaces them, --output takes another folder. "
                f"Received: a folder that differs in {', '.join(differing)}"
            )

    def _clear(self) -> None:
        if self._note.exists():  # Otherwise they are not ours.
            shutil.rmtree(self.path / "images", ignore_errors=True)
        for file in (self.path / "summary.json", self._table, self._note):
            file.unlink(missing_ok=True)

    def _load(self) -> None:
        text = self._table.read_bytes()
        complete = text[: text.rfind(b"\n") + 1]
        if len(complete) < len(text):
            os.truncate(self._table, len(complete))
        try:
            table = csv.reader(io.StringIO(complete.decode(), newline=""))
            if next(table, None) != self._header:
                raise ValueError("no header")
            rows = [_parse(cells, self._further) for cells in table]
        except (ValueError, csv.Error) as error:
            raise InputError(
                "Expected a table of scores; --overwrite replaces it. "
                f"Received: {self._table} ({one_line(error)})"
            ) from None
        self.rows = {row.name: row for row in rows}

    def append(self, row: Row) -> None:
        """Adds a row and waits until it is on the disk."""
        # Names that are not UTF-8 as `write_text` writes them.
        with open(self._table, "a", -1, "utf-8", "backslashreplace", "") as file:
            csv.writer(file, lineterminator="\n").writerow(_cells(row, self._further))
            file.flush()
            os.fsync(file.fileno())
        self.rows[row.name] = row

    def sort(self, names: Iterable[str]) -> list[Row]:
        """Rewrites the table in the order of `names`, which it returns.

        An image that could not be scored at first comes after the others; a finished
        table should not tell. Names without a row are left out.
        """
        rows = [self.rows[name] for name in names if name in self.rows]
        self._write_rows(rows)
        return rows

    def image(self, kind: str, name: str) -> Path:
        """Where an image of that kind ("blurry", ...) and name is saved.

        Raises:
            InputError: the name leads out of the folder.
        """
        return path_below(self.path / "images" / kind, f"{name}.png")

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Writes summary.json, JSON values."""
        write_json(self.path / "summary.json", summary)

    def _write_rows(self, rows: Iterable[Row]) -> None:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self._header)
        writer.writerows(_cells(row, self._further) for row in rows)
        write_text(self._table, text.getvalue())


def read_summary(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The means of a finished evaluation.

    Raises:
        InputError: the folder holds no finished evaluation, or a damaged one.
    """
    summary = _read_if_sound(Path(path) / "summary.json")
    if not summary:
        raise InputError(
            "Expected a folder with the summary.json of a finished evaluation. "
            f"Received: {path}"
        )
    for name, fits in _SUMMARY.items():
        if name not in summary or not fits(summary[name]):
            raise InputError(
                f"Expected {name} in {Path(path) / 'summary.json'} as an evaluation "
                f"writes it. Received: {summary.get(name)!r:.60}"
            )
    return summary


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_reasons(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(
        x is None or type(x) in (int, float) for x in value.values()
    )


def _is_mean(value: Any) -> bool:
    """Whether it is what `egnet_tf.evaluation.summary.Mean` becomes in JSON."""
    if not isinstance(value, dict):
        return False
    numbers = [value.get(name, "") for name in ("psnr", "ssim")]
    identical = value.get("identical")
    return (
        all(x is None or x == "inf" or type(x) in (int, float) for x in numbers)
        and _is_count(value.get("compared"))
        and _is_reasons(value.get("failed"))
        and _is_numbers(value.get("further", {}))
        and isinstance(identical, list)
        and all(map(_is_text, identical))
    )


_SUMMARY = {
    "method": _is_text,
    "dataset": _is_text,
    "protocol": _is_text,
    "description": _is_text,
    "images": _is_count,
    "unscored": _is_reasons,
    "restored": _is_mean,
    "blurry": lambda value: value is None or _is_mean(value),
}
"""What the readers of a summary rely on."""


def _read_if_sound(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except InputError:
        return {}


def _cells(row: Row, further: Sequence[str]) -> list[str]:
    cells = [row.name]
    for score in (row.blurry, row.restored):
        # repr keeps every digit: reading gives the very number that was written.
        numbers = [repr(score.psnr), repr(score.ssim)] if score else ["", ""]
        cells += [*numbers, score.failure if score else ""]
    cells.append(row.restored_in)
    for score in (row.blurry, row.restored):
        cells += [repr(score.further[name]) if score else "" for name in further]
    return cells


def _parse(cells: list[str], further: Sequence[str]) -> Row:
    if len(cells) != len(_HEADER) + 2 * len(further):
        raise ValueError(f"a row of {len(cells)} cells")
    name, *scores = cells[: len(_HEADER)]
    others = cells[len(_HEADER) :]

    def parsed(numbers: Sequence[str], others: Sequence[str]) -> Score:
        psnr, ssim, failure = numbers
        values = dict(zip(further, map(float, others), strict=True))
        return Score(float(psnr), float(ssim), failure, values)

    blurry = parsed(scores[:3], others[: len(further)]) if scores[0] else None
    return Row(name, parsed(scores[3:6], others[len(further) :]), blurry, scores[6])
