"""Tables of measured scores with the published ones beside them."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from egnet_tf.errors import InputError
from egnet_tf.evaluation import read_summary
from egnet_tf.files import replacing
from egnet_tf.paper.published import Scores

TITLES = {"gopro": "GoPro", "realblur_j": "RealBlur-J", "realblur_r": "RealBlur-R"}


class Result(NamedTuple):
    """A finished evaluation.

    Attributes:
        method: the model with how it restored, or a folder.
        dataset: as in the summary: "gopro test".
        protocol: its name.
        psnr: dB; NaN if no image could be compared.
        ssim: NaN likewise.
        images: "6", or "5 of 6" where not all could be compared.
        description: of the protocol with the versions of its libraries.
    """

    method: str
    dataset: str
    protocol: str
    psnr: float
    ssim: float
    images: str
    description: str

    @property
    def test_set(self) -> str:
        """The dataset without its folder; with the split unless that is "test"."""
        name = re.sub(r":\S*", "", self.dataset)
        return name.replace(" test", "", 1)


def read_result(folder: str | os.PathLike) -> Result:
    """Reads what an evaluation wrote.

    Raises:
        InputError: the folder holds no finished evaluation.
    """
    summary = read_summary(folder)
    mean, images = summary["restored"], str(summary["images"])
    if mean["compared"] != summary["images"]:
        images = f"{mean['compared']} of {images}"
    psnr, ssim = (
        math.nan if mean[name] is None else float(mean[name])
        for name in ("psnr", "ssim")
    )
    return Result(
        summary["method"],
        summary["dataset"],
        summary["protocol"],
        psnr,
        ssim,
        images,
        summary["description"],
    )


def results_of_run(run: str | os.PathLike) -> list[Result]:
    """All finished evaluations below a run's folder (or any other), in order.

    Raises:
        InputError: there is none.
    """
    files = sorted(Path(run).rglob("summary.json"))
    if not files:
        raise InputError(
            "Expected evaluations (python -m egnet_tf.evaluate) below the folder. "
            f"Received: {run}"
        )
    return [read_result(file.parent) for file in files]


class Table(NamedTuple):
    """Cells as text, the head first."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """As a Markdown table: first column to the left, others to the right."""
        marks = ["---", *["---:"] * (len(self.head) - 1)]
        lines = [self.head, marks, *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def csv(self) -> str:
        """As CSV, empty cells where Markdown has a dash."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.head)
        writer.writerows(
            ["" if cell == _NONE else cell for cell in row] for row in self.rows
        )
        return text.getvalue()


def comparison_table(
    results: Sequence[Result], published: Mapping[str, Scores]
) -> Table:
    """The paper's Table 1: a row a method, two columns a test set.

    Args:
        results: ours; a row for each method and protocol.
        published: by method; their rows say so and come first.
    """
    sets = _ordered({result.test_set for result in results} | _names(published))
    rows = [
        [name, "published", *_cells([scores.get(test_set) for test_set in sets])]
        for name, scores in published.items()
    ]
    for method, protocol in dict.fromkeys((r.method, r.protocol) for r in results):
        found = {
            result.test_set: result
            for result in results
            if (result.method, result.protocol) == (method, protocol)
        }
        rows.append(
            [method, protocol, *_cells([found.get(test_set) for test_set in sets])]
        )
    return Table(["method", "protocol", *_heads(sets)], rows)


def ablation_table(
    rows: Mapping[str, Sequence[Result]], published: Mapping[str, Scores]
) -> Table:
    """The paper's Tables 3, 4 and 6: measured columns, then the published ones.

    Args:
        rows: the evaluations of each row; none where its training failed.
        published: by row.
    """
    published = {name: published[name] for name in rows if name in published}
    measured = _ordered(
        {result.test_set for found in rows.values() for result in found}
    )
    printed = _ordered(_names(published))
    head = ["row", *_heads(measured), *_heads(printed, ", published")]
    lines = []
    for name, found in rows.items():
        by_set = {result.test_set: result for result in found}
        ours = _cells([by_set.get(test_set) for test_set in measured], digits=4)
        theirs = [published.get(name, {}).get(test_set) for test_set in printed]
        lines.append([name, *ours, *_cells(theirs, digits=4)])
    return Table(head, lines)


def write_table(path: Path, table: Table, notes: Iterable[str] = ()) -> None:
    """Writes <path>.md, with notes below the table, and <path>.csv."""
    text = "\n".join([table.markdown(), "", *notes])
    path.parent.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".md", text + "\n"), (".csv", table.csv())):
        with replacing(path.with_name(path.name + suffix)) as unfinished:
            unfinished.write_text(content, encoding="utf-8")


_NONE = "–"  # noqa: RUF001 (a dash, as in the paper's tables)


def _cells(scores: Sequence, digits: int = 2) -> list[str]:
    """PSNR and SSIM of each; a dash for none. Part of the images is said."""
    cells = []
    for score in scores:
        if score is None or math.isnan(score.psnr):
            cells += [_NONE, _NONE]
            continue
        part = getattr(score, "images", "")
        part = f" ({part})" if " of " in part else ""
        cells += [f"{score.psnr:.{digits}f}{part}", f"{score.ssim:.{max(digits, 3)}f}"]
    return cells


def _heads(sets: Sequence[str], suffix: str = "") -> list[str]:
    return [
        f"{TITLES.get(name, name)} {measure}{suffix}"
        for name in sets
        for measure in ("PSNR", "SSIM")
    ]


def _names(published: Mapping[str, Scores]) -> set[str]:
    return {name for scores in published.values() for name in scores}


def _ordered(sets: Iterable[str]) -> list[str]:
    known = list(TITLES)
    return sorted(sets, key=lambda s: (known.index(s) if s in known else 9, s))
