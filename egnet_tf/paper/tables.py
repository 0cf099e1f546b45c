"""Tables of measured scores with the published ones beside them."""

from __future__ import annotations

import math
import os
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from egnet_tf.cli.table import Cell, markdown, write_csv
from egnet_tf.errors import InputError
from egnet_tf.evaluation.results_folder import read_summary
from egnet_tf.evaluation.summary import images_compared
from egnet_tf.files import write_text
from egnet_tf.paper.published import Scores

TITLES = {"gopro": "GoPro", "realblur_j": "RealBlur-J", "realblur_r": "RealBlur-R"}


_MARKS = ("**{}**", "<u>{}</u>")
"""Of the best and the second number of a column."""


class Result(NamedTuple):
    """The mean scores of a finished evaluation.

    Attributes:
        method: the model with how it restored, a folder, or "blurry".
        dataset: as in the summary: "gopro test".
        protocol: its name.
        psnr: dB; NaN if no image could be compared.
        ssim: NaN likewise.
        images: "6", or "5 of 6" where not all could be compared.
        description: of the protocol with the versions of its libraries.
        data: which images were scored, and with which blur: two results of one test
            set can be compared if this is equal.
    """

    method: str
    dataset: str
    protocol: str
    psnr: float
    ssim: float
    images: str
    description: str
    data: str = ""

    @property
    def test_set(self) -> str:
        """The dataset without its folder; with the split unless that is "test"."""
        name = re.sub(r":\S*", "", self.dataset)
        return name.replace(" test", "", 1)


class Scored(NamedTuple):
    """A trained row of an ablation with its scores.

    Attributes:
        seed: that it was trained with.
        results: one for each test set.
        hsic: of Table 5, if it was measured.
    """

    seed: int
    results: Sequence[Result]
    hsic: float | None = None


def read_result(folder: str | os.PathLike[str]) -> Result:
    """Reads what an evaluation wrote about the restored images.

    Raises:
        InputError: the folder holds no finished evaluation.
    """
    summary = read_summary(folder)
    return _result(summary["method"], summary, summary["restored"])


def results_of_run(run: str | os.PathLike[str]) -> list[Result]:
    """All finished evaluations in and below a folder, in order of their names.

    The blurry images of each come before the restored ones.

    Raises:
        InputError: there is none.
    """
    files = sorted(Path(run).rglob("summary.json"))
    if not files:
        raise InputError(
            "Expected evaluations (python -m egnet_tf.evaluate) below the folder. "
            f"Received: {run}"
        )
    return [
        result for file in files for result in results_of(read_summary(file.parent))
    ]


def results_of(summary: Mapping[str, Any]) -> list[Result]:
    """The mean scores of a summary: of the blurry images, if scored, and restored."""
    results = []
    if summary["blurry"]:
        results.append(_result("blurry", summary, summary["blurry"]))
    results.append(_result(summary["method"], summary, summary["restored"]))
    return results


def comparison_table(
    results: Sequence[Result], published: Mapping[str, Scores]
) -> list[dict[str, Cell]]:
    """The paper's Table 1: a row per method and protocol, two columns per test set.

    The rows of published scores, by method, say so and come first, then those of the
    blurry images.

    Raises:
        InputError: two results of a test set are not of the same images.
    """
    for test_set in {result.test_set for result in results}:
        found = {result.data for result in results if result.test_set == test_set}
        if len(found) > 1:
            raise InputError(
                f"Expected evaluations of the same images of {test_set}. "
                f"Received: {', '.join(sorted(found))}"
            )
    sets = _ordered({result.test_set for result in results} | _names(published))
    rows: list[dict[str, Cell]] = [
        {"method": name, "protocol": "published"} | _cells(scores, sets)
        for name, scores in published.items()
    ]
    measured: dict[tuple[str, str], dict[str, Result]] = {}
    for result in sorted(results, key=lambda result: result.method != "blurry"):
        key = result.method, result.protocol
        measured.setdefault(key, {})[result.test_set] = result
    for (method, protocol), scores in measured.items():
        rows.append({"method": method, "protocol": protocol} | _cells(scores, sets))
    return rows


def marked(rows: Sequence[Mapping[str, Cell]]) -> list[dict[str, Cell]]:
    """A `comparison_table` for Markdown: best numbers bold, second underlined.

    As in the paper's Table 1. Numbers are compared with those of the same protocol,
    the published ones with the protocol `gopro`. Neither the blurry images are a
    method, nor is a mean over a part of the images comparable.
    """
    shown = [dict(row) for row in rows]
    groups: dict[Cell, list[dict[str, Cell]]] = {}
    for row in shown:
        if row["method"] != "blurry":
            known = "gopro" if row["protocol"] == "published" else row["protocol"]
            groups.setdefault(known, []).append(row)
    for group in groups.values():
        for title in list(group[0])[2:]:
            whole = [row for row in group if re.fullmatch(r"[\d.]+", str(row[title]))]
            numbers = sorted({float(str(row[title])) for row in whole}, reverse=True)
            for row in whole if len(whole) > 1 else ():
                rank = numbers.index(float(str(row[title])))
                if rank < len(_MARKS):
                    row[title] = _MARKS[rank].format(row[title])
    return shown


def ablation_table(
    rows: Mapping[str, Sequence[Scored]], published: Mapping[str, Scores]
) -> list[dict[str, Cell]]:
    """The paper's Tables 3, 4 and 6: measured columns, then the published ones.

    A row has a measurement for each seed it was trained with, none if its training
    failed. Of several the mean is shown, with the standard deviation, and the gain in
    PSNR over the row `compared_with`: of the differences between trainings with the
    same seed.
    """
    theirs = {
        name: published[near] for name in rows if (near := _near(name, published))
    }
    sets = _ordered(
        {r.test_set for each in rows.values() for s in each for r in s.results}
    )
    their_sets = _ordered(_names(theirs))
    several = any(len(each) > 1 for each in rows.values())
    reference = rows[compared_with(rows)]
    table = []
    for name, each in rows.items():
        cells: dict[str, Cell] = {"row": name}
        for test_set in sets:
            title = TITLES.get(test_set, test_set)
            found = _by_seed(each, test_set)
            cells |= _mean_cells(title, list(found.values()))
            if several:
                before = _by_seed(reference, test_set)
                gains = [found[s].psnr - before[s].psnr for s in found if s in before]
                gained = name != compared_with(rows) and gains
                cells[f"{title} gain"] = _mean(gains, "+.3f") if gained else None
        shown = _cells(theirs.get(name, {}), their_sets, ", published", digits=4)
        table.append(cells | shown)
    return table


def compared_with(rows: Iterable[str]) -> str:
    """The row that others are compared with: one "without", or else the first."""
    names = list(rows)
    return next((name for name in names if "without" in name), names[0])


def hsic_table(
    rows: Mapping[str, Sequence[Scored]], published: Mapping[str, float]
) -> list[dict[str, Cell]]:
    """The paper's Table 5: nHSIC with the sharp images, that with the blurry ones 1."""
    table = []
    for name, each in rows.items():
        found = [scored.hsic for scored in each if scored.hsic is not None]
        near = _near(name, published)
        cells: dict[str, Cell] = {"row": name, "blurry": 1, "sharp": None}
        if found:
            cells["sharp"] = _mean(found, ".4f")
        cells["sharp, published"] = f"{published[near]:.4f}" if near else None
        table.append(cells)
    return table


def _by_seed(each: Sequence[Scored], test_set: str) -> dict[int, Result]:
    return {s.seed: r for s in each for r in s.results if r.test_set == test_set}


def _mean_cells(title: str, results: Sequence[Result]) -> dict[str, Cell]:
    """PSNR and SSIM of one test set, over seeds."""
    results = [result for result in results if not math.isnan(result.psnr)]
    psnr = ssim = None
    if results:
        parts = dict.fromkeys(r.images for r in results if " of " in r.images)
        part = f" ({', '.join(parts)})" if parts else ""
        psnr = _mean([result.psnr for result in results], ".4f") + part
        ssim = _mean([result.ssim for result in results], ".4f")
    return {f"{title} PSNR": psnr, f"{title} SSIM": ssim}


def _mean(values: Sequence[float], form: str) -> str:
    """The mean, of several with their standard deviation."""
    mean = f"{statistics.fmean(values):{form}}"
    if len(values) < 2:
        return mean
    return f"{mean} ± {statistics.stdev(values):{form.removeprefix('+')}}"


def _near(row: str, published: Iterable[str]) -> str | None:
    """The published row whose name a row's begins with, the longest of several."""
    found = [name for name in published if row.startswith(name)]
    return max(found, key=len, default=None)


def write_table(
    path: Path,
    rows: Sequence[Mapping[str, Cell]],
    notes: Iterable[str] = (),
    *,
    shown: Sequence[Mapping[str, Cell]] | None = None,
) -> None:
    """Writes <path>.csv, and <path>.md with notes below the table.

    The Markdown file gets `shown` in the place of the rows, if given.
    """
    write_csv(path.with_name(path.name + ".csv"), rows)
    text = "\n".join([markdown(shown or rows), "", *notes])
    write_text(path.with_name(path.name + ".md"), text + "\n")


def _result(method: str, summary: Mapping[str, Any], mean: Mapping[str, Any]) -> Result:
    psnr, ssim = (
        math.nan if mean[name] is None else float(mean[name])
        for name in ("psnr", "ssim")
    )
    return Result(
        method,
        summary["dataset"],
        summary["protocol"],
        psnr,
        ssim,
        images_compared(summary, mean),
        summary["description"],
        f"names {summary.get('names')} of seed {summary.get('seed')}",
    )


def _cells(
    scores: Mapping[str, Any], sets: Sequence[str], suffix: str = "", digits: int = 2
) -> dict[str, Cell]:
    """PSNR and SSIM for each test set; says if they are of a part of the images."""
    cells: dict[str, Cell] = {}
    for name in sets:
        psnr = ssim = None
        score = scores.get(name)
        if score is not None and not math.isnan(score.psnr):
            part = getattr(score, "images", "")
            part = f" ({part})" if " of " in part else ""
            psnr = f"{score.psnr:.{digits}f}{part}"
            ssim = f"{score.ssim:.{max(digits, 3)}f}"
        title = TITLES.get(name, name)
        cells |= {f"{title} PSNR{suffix}": psnr, f"{title} SSIM{suffix}": ssim}
    return cells


def _names(rows: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return {name for scores in rows.values() for name in scores}


def _ordered(sets: Iterable[str]) -> list[str]:
    known = list(TITLES)
    return sorted(sets, key=lambda s: (known.index(s) if s in known else 9, s))
