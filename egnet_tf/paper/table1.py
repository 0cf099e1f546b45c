r"""Puts evaluations into one table, beside the paper's published numbers; makes them.

python -m egnet_tf.paper.table1 --methods=EGNet=runs/gopro,SRN=results/SRN \
    --tests=gopro:GOPRO_Large,realblur_j:RealBlur,realblur_r:RealBlur --output=table1
python -m egnet_tf.paper.table1 runs/a runs/b --nopublished

Table 1: a row per method and protocol, PSNR and SSIM on GoPro, RealBlur-J, RealBlur-R
and every other test set on which the methods were evaluated. With --methods, what was
not evaluated yet is evaluated first; a run of hours that was stopped resumes.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from absl.flags import FlagValues

from egnet_tf.cli import app, flags, restorer_flags
from egnet_tf.data.pairs import Pairs
from egnet_tf.data.registry import default_options, open_pairs, parse_dataset
from egnet_tf.errors import InputError
from egnet_tf.inference.options import RestorerOptions
from egnet_tf.inference.resolve import fusion_of, resolve
from egnet_tf.metrics.protocols import PSNR_PROTOCOLS
from egnet_tf.options import option

if TYPE_CHECKING:
    from egnet_tf.inference.restorer import Restorer

POSITIONAL = "runs"

_PROTOCOLS = ("gopro", "realblur")


@dataclasses.dataclass(frozen=True)
class Options:
    """What the table holds."""

    runs: tuple[str, ...] = option(
        (),
        "Folders in or below which evaluations are: runs, or output folders of "
        "evaluate. The name of this flag may be left out.",
    )
    methods: tuple[str, ...] = option(
        (),
        "Methods to evaluate on --tests, each as title=path or path: a run, another "
        "model, or a folder with the images of any method, in sub-folders gopro, "
        "realblur_j, realblur_r (in any spelling, such as RealBlur-J). A method "
        "without one of them has no numbers there.",
    )
    tests: str = option(
        "",
        "Test sets of --methods, each as name:folder, such as "
        "gopro:GOPRO_Large,realblur_j:RealBlur,realblur_r:RealBlur.",
    )
    protocol: tuple[str, ...] = option(
        _PROTOCOLS,
        "The protocols of --tests; realblur is applied to RealBlur only "
        "(docs/evaluate.md).",
        choices=PSNR_PROTOCOLS,
    )
    published: bool = option(
        True, "Put the rows of the paper's Table 1 above the measured ones."
    )
    output: str = option("", "Write the table to <output>.md and <output>.csv, too.")
    overwrite: bool = option(
        False, "Evaluate again where the method or the test set has changed."
    )


class TestSet(NamedTuple):
    """A test set of the table, by the name of its dataset."""

    __test__ = False  # To pytest, it looks like a test.

    name: str
    pairs: Pairs
    protocols: tuple[str, ...]


def define_flags(values: FlagValues) -> None:
    """Defines the flags of the command."""
    flags.define(Options, values)
    flags.define(default_options, values)
    restorer_flags.define(values)


def main(values: FlagValues) -> int:
    """Evaluates, reads the evaluations, prints the table and writes it if asked.

    Returns:
        1 if some images could not be scored.
    """
    from egnet_tf.cli.table import markdown
    from egnet_tf.paper.published import TABLE_1
    from egnet_tf.paper.tables import (
        comparison_table,
        marked,
        results_of,
        results_of_run,
        write_table,
    )

    options = flags.read(Options, values)
    if not options.runs and not options.methods:
        raise InputError("Expected --runs=folder,... or --methods. Received: neither")
    if bool(options.methods) != bool(options.tests):
        raise InputError("Expected --methods and --tests together. Received: one")
    results = [result for run in options.runs for result in results_of_run(run)]
    summaries = _evaluated(options, values) if options.methods else []
    results += [result for summary in summaries for result in results_of(summary)]
    table = comparison_table(results, TABLE_1 if options.published else {})
    notes = list(dict.fromkeys(result.description for result in results))
    notes.insert(
        0,
        "bold: the best by its protocol, underlined: the second; not of the blurry "
        "images, and of no mean over a part of the images",
    )
    if options.published:
        notes.insert(
            1,
            "published: printed in the paper, not measured here; compared with the "
            "protocol gopro",
        )
    print(markdown(marked(table)), "", *notes, sep="\n")
    if options.output:
        write_table(Path(options.output), table, notes, shown=marked(table))
    unscored = [s for s in summaries if s["unscored"]]
    for summary in unscored:
        logging.getLogger(__name__).error(
            f"{summary['method']}, {summary['dataset']}, {summary['protocol']}: "
            f"{len(summary['unscored'])} images not scored, see "
            f"{Path(summary['folder'], 'summary.json')}"
        )
    return 1 if unscored else 0


def _evaluated(options: Options, values: FlagValues) -> list[dict]:
    """The summaries of all methods on all test sets; all is checked before the first.

    Raises:
        InputError: a test set or a method is not there.
    """
    tests = _test_sets(options, flags.read(default_options, values))
    titled = [split_title(text) for text in options.methods]
    titles = [title for title, _ in titled]
    if len(set(titles)) < len(titles):
        raise InputError(
            "Expected methods of different titles, as title=path. "
            f"Received: {', '.join(titles)}"
        )
    found = [(t, where, _folders(where, tests, values)) for t, where in titled]
    from egnet_tf.evaluation.evaluate import (
        EvaluationOptions,
        evaluate_model,
        evaluate_results,
    )

    restoring = flags.read(RestorerOptions, values)
    summaries = []
    for title, where, folders in found:

        @functools.cache
        def load(where: str = where) -> Restorer:
            return restorer_flags.load(values, where)

        for test in tests:
            how = EvaluationOptions(
                protocol=test.protocols, method=title, overwrite=options.overwrite
            )
            about = {"dataset": _title(test.name, values), "seed": 0}
            print(f"{title}, {about['dataset']}", file=sys.stderr, flush=True)
            if folders is None:
                summaries += evaluate_model(
                    where, load, test.pairs, how, restoring=restoring, **about
                )
            elif test.name in folders:
                results = str(folders[test.name])
                summaries += evaluate_results(results, test.pairs, how, **about)
    return summaries


def _test_sets(options: Options, data: Mapping[str, object]) -> list[TestSet]:
    sources = parse_dataset(options.tests)
    names = [source.name for source in sources]
    if len(set(names)) < len(names) or any(s.weight != 1 for s in sources):
        raise InputError(
            "Expected different datasets, without weights, for --tests. "
            f"Received: {options.tests}"
        )
    tests = []
    for name, folder, _ in sources:
        of_realblur = name.startswith("realblur")
        protocols = tuple(p for p in options.protocol if of_realblur or p != "realblur")
        if not protocols:
            raise InputError(
                f"Expected a --protocol for {name} other than realblur. Received: none"
            )
        pairs = open_pairs(name, data_dir=folder, split="test", options=data)
        tests.append(TestSet(name, pairs, protocols))
    return tests


def split_title(text: str) -> tuple[str, str]:
    """Reads "title=path", or a path alone, whose last part is then the title."""
    title, _, where = text.partition("=")
    if not where or Path(text).exists():
        title, where = "", text
    return title or Path(where).expanduser().stem, where


def _folders(
    where: str, tests: Sequence[TestSet], values: FlagValues
) -> dict[str, Path] | None:
    """A method's folders of images by test set; None if it is a model."""
    try:
        source = resolve(where)
    except InputError:
        path = Path(where).expanduser()
        if not path.is_dir() or (path / "weights").is_dir():
            raise
    else:
        restoring = flags.read(RestorerOptions, values)
        fusion_of(source, restoring.branches, restoring.fuse)
        return None
    plain = {_spelling(folder.name): folder for folder in path.iterdir()}
    folders = {
        test.name: plain[_spelling(test.name)]
        for test in tests
        if _spelling(test.name) in plain
    }
    if not folders and len(tests) == 1:
        return {tests[0].name: path}
    if not folders:
        raise InputError(
            f"Expected sub-folders {', '.join(test.name for test in tests)} with a "
            f"method's images. Received: {path} with {', '.join(sorted(plain)) or '-'}"
        )
    return folders


def _spelling(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _title(name: str, values: FlagValues) -> str:
    """The dataset as `evaluate` calls it, so that its evaluations are found."""
    unusual = flags.changed(default_options, values)
    return ", ".join([f"{name} test", *(f"{k}={v}" for k, v in unusual.items())])


if __name__ == "__main__":
    app.run(define_flags, main, POSITIONAL)
