"""Scores a model, or any method's images, by a named protocol.

python -m egnet_tf.evaluate --model=runs/quickstart --dataset=samples
python -m egnet_tf.evaluate --restored=results/ --sharp=gopro/test/ --protocol=gopro
python -m egnet_tf.evaluate --compare=runs/a,runs/b --dataset=samples

The output folder gets scores.csv (a row an image) and summary.json; a Markdown table
is printed. A stopped evaluation goes on with the same command.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from tqdm import tqdm

import egnet_tf
from egnet_tf import evaluation, metrics
from egnet_tf.cli.data_flags import DataFlags
from egnet_tf.cli.restorer_flags import RestorerFlags
from egnet_tf.errors import InputError
from egnet_tf.images.read import read_image
from egnet_tf.images.write import write_image

# Every scoring worker imports this module: what imports TensorFlow (`commands` too)
# comes later, where it is needed.

_MODEL = flags.DEFINE_string(
    "model", None, "A run's folder, a variant's name or an exported model."
)
_DATA = DataFlags()
_RESTORER = RestorerFlags()
_PROTOCOL = flags.DEFINE_enum(
    "protocol", "plain", list(metrics.PROTOCOLS), "See docs/evaluation.md."
)
_RESTORED = flags.DEFINE_string(
    "restored",
    None,
    "Instead of --model: a folder of restored images; --sharp is then the folder of "
    "the sharp images of the same names.",
)
_COMPARE = flags.DEFINE_list(
    "compare",
    None,
    "Models (or output folders) that were evaluated before, for one table.",
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "The output folder. By default evaluation/<dataset>_<protocol> in the run; for "
    "other models in runs/evaluation/<model>; for --restored beside that folder.",
)
_SAVE_IMAGES = flags.DEFINE_bool(
    "save_images", False, "Write images/{blurry,restored,sharp}/<name>.png too."
)
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Replace the scores of another model, protocol or dataset."
)
_WORKERS = flags.DEFINE_integer(
    "workers", os.cpu_count() or 1, "Scoring processes.", lower_bound=1
)


def main() -> int:
    """Runs the one of the three jobs that the flags ask for."""
    jobs = [
        flag.name for flag in (_MODEL, _RESTORED, _COMPARE) if flag.value is not None
    ]
    if len(jobs) != 1:
        raise InputError(
            "Expected one of --model, --restored (with --sharp) and --compare. "
            f"Received: {', '.join('--' + job for job in jobs) or 'none of them'}"
        )
    if _RESTORED.value is not None and not flags.FLAGS.sharp:
        raise InputError("Expected --restored and --sharp together. Received: one")
    if _SAVE_IMAGES.value and _MODEL.value is None:
        raise InputError("Expected --model with --save_images. Received: no model")
    if _MODEL.value is not None:
        return _evaluate_model()
    if _RESTORED.value is not None:
        return _evaluate_folder()
    return _compare()


def _evaluate_model() -> int:
    model, chosen = _MODEL.value, _RESTORER.chosen()
    pairs = _DATA.open()
    about = {
        "method": " ".join([model, *(f"--{k}={_text(v)}" for k, v in chosen.items())]),
        "weights": _digest_of_files(_model_files(model)),
        "egnet_tf": egnet_tf.__version__,
        "dataset": _DATA.title(),
        "seed": _DATA.seed.value,
        "names": _digest(pairs.names),
    }

    @functools.cache
    def restorer():
        return _RESTORER.load(model)

    def images(index: int) -> evaluation.Images:
        pair = pairs.read(index)
        result = evaluation.Images(restorer()(pair.blurry), pair.sharp, pair.blurry)
        if _SAVE_IMAGES.value:
            for kind, image in result._asdict().items():
                write_image(folder.image(kind, pairs.names[index]), image)
        return result

    folder = _open(_OUTPUT.value or _default_output(model), about)
    if _SAVE_IMAGES.value:
        for index, name in enumerate(pairs.names):
            files = [folder.image(kind, name) for kind in evaluation.Images._fields]
            if name in folder.rows and not all(file.exists() for file in files):
                images(index)
    if len(folder.rows) < len(pairs):
        restorer()  # Here, where what is wrong with the model is one line.
    summary = _score(pairs.names, images, folder, about)
    _report(summary)
    return 1 if summary["unscored"] else 0


def _evaluate_folder() -> int:
    restored = Path(_RESTORED.value)
    sharp = flags.FLAGS.sharp
    match = evaluation.match_folders(restored, sharp)
    names = tuple(match.pairs)
    about = {
        "method": str(restored),
        "files": _digest(
            f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}"
            for files in match.pairs.values()
            for file in files
        ),
        "dataset": sharp,
        "names": _digest(names),
    }

    def images(index: int) -> evaluation.Images:
        return evaluation.Images(*map(read_image, match.pairs[names[index]]))

    beside = restored.with_name(f"{restored.name}_evaluation") / _PROTOCOL.value
    folder = _open(_OUTPUT.value or beside, about)
    unmatched = {
        "only_restored": [str(file) for file in match.only_restored],
        "only_sharp": [str(file) for file in match.only_sharp],
    }
    summary = _score(names, images, folder, {**about, **unmatched})
    _report(summary)
    _list("restored without a sharp image, not scored", unmatched["only_restored"])
    _list("sharp without a restored image, not scored", unmatched["only_sharp"])
    # A mean over a part of the images must not pass for one over all.
    return 1 if match.only_sharp or summary["unscored"] else 0


def _compare() -> int:
    summaries = []
    for one in _COMPARE.value:
        is_output = (Path(one) / "summary.json").is_file()
        folder = one if is_output else _OUTPUT.value or _default_output(one)
        summaries.append(evaluation.read_summary(folder))
    print(evaluation.markdown_table(summaries))
    return 0


def _open(output: str | Path, about: Mapping[str, Any]) -> evaluation.EvaluationFolder:
    description = metrics.PROTOCOLS[_PROTOCOL.value].description
    return evaluation.EvaluationFolder(
        output, {**about, "protocol": description}, overwrite=_OVERWRITE.value
    )


def _score(
    names: Sequence[str],
    images: Callable[[int], evaluation.Images],
    folder: evaluation.EvaluationFolder,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    protocol, unscored = metrics.PROTOCOLS[_PROTOCOL.value], {}
    with tqdm(
        total=len(names), initial=len(folder.rows), desc="scoring", unit="image"
    ) as progress:
        for row in evaluation.score_images(
            names, images, protocol, folder, workers=_WORKERS.value
        ):
            if isinstance(row, evaluation.Unscored):
                unscored[row.name] = row.reason
            progress.update()
    unscored = {name: unscored[name] for name in names if name in unscored}
    summary = evaluation.summarize(folder.sort(names), protocol, about, unscored)
    folder.write_summary(summary)
    print(f"{folder.path / 'scores.csv'}\n{folder.path / 'summary.json'}\n")
    return summary


def _report(summary: Mapping[str, Any]) -> None:
    print(evaluation.markdown_table([summary]))
    _list("not scored", [f"{n}: {reason}" for n, reason in summary["unscored"].items()])
    for kind in ("blurry", "restored"):
        mean = summary[kind] or {"failed": {}, "identical": ()}
        _list(
            f"{kind}, not compared and not in the means",
            [f"{name}: {reason}" for name, reason in mean["failed"].items()],
        )
        _list(f"{kind}, identical to sharp and not in the mean PSNR", mean["identical"])


def _list(title: str, items: Sequence[str]) -> None:
    if items:
        print(f"{title} ({len(items)}):", *items, sep="\n  ", file=sys.stderr)


def _default_output(model: str) -> Path:
    path = Path(model)
    is_run = (path / "weights").is_dir()
    home = path / "evaluation" if is_run else Path("runs/evaluation", path.stem)
    title = _DATA.title().replace(" test", "", 1)
    chosen = (f"{name}={_text(v)}" for name, v in _RESTORER.chosen().items())
    name = "_".join([title, _PROTOCOL.value, *chosen])
    return home / re.sub(r"[^\w.=-]+", "_", name)


def _text(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value).lower()


def _model_files(model: str) -> list[Path]:
    path = Path(model)
    if path.is_file():
        return [path]
    if (path / "weights").is_dir():
        path = path / "weights"
    elif not path.exists():
        from egnet_tf import models

        path = models.shipped(model)
    return sorted(file for file in path.rglob("*") if file.is_file())


def _digest_of_files(files: Sequence[Path]) -> str:
    return _digest(
        hashlib.sha256(file.read_bytes()).hexdigest() + file.name for file in files
    )


def _digest(lines) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


if __name__ == "__main__":
    from egnet_tf.cli import app

    app.run(main)
