"""Evaluations from end to end: score the images and write the results folder."""

from __future__ import annotations

import collections
import dataclasses
import functools
import hashlib
import itertools
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

import egnet_tf
from egnet_tf.data.pairs import BLURRY, Pairs
from egnet_tf.errors import InputError
from egnet_tf.evaluation.matching import match_folders, match_names
from egnet_tf.evaluation.results_folder import EvaluationFolder
from egnet_tf.evaluation.scoring import Images, Unscored, score_images
from egnet_tf.evaluation.summary import summarize
from egnet_tf.images.find import find_images
from egnet_tf.images.read import read_image
from egnet_tf.images.write import write_image
from egnet_tf.inference.branches import Fusion, results_among
from egnet_tf.inference.options import RestorerOptions
from egnet_tf.inference.resolve import fusion_of, resolve
from egnet_tf.metrics import PROTOCOLS
from egnet_tf.options import changes, option
from egnet_tf.shards import SHARD_HELP, parse_shard

if TYPE_CHECKING:
    from egnet_tf.inference.restorer import Restorer


@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """How images are scored, and where the scores go."""

    protocol: tuple[str, ...] = option(
        ("plain",),
        "The protocol by which images are scored, or several (docs/evaluate.md).",
        choices=tuple(PROTOCOLS),
    )
    output: str = option(
        "",
        "The output folder. By default evaluation/<dataset>_<protocol> in the run; "
        "for other models in runs/evaluation/<model>; for --restored beside that "
        "folder. Of several protocols, each has a folder in it.",
    )
    method: str = option(
        "", "What tables call the method; by default the path of --model or --restored."
    )
    save_images: bool = option(
        False,
        "With --model: write images/{blurry,restored,sharp}/<name>.png to the output "
        "folder, too; of several protocols to the first one's.",
    )
    overwrite: bool = option(
        False, "Replace the scores of another model, protocol or dataset."
    )
    shard: str = option(
        "",
        f"{SHARD_HELP} Each writes its scores to a folder in the output folder; the "
        "same command without --shard then takes them all.",
        validate=parse_shard,
    )
    workers: int = option(os.cpu_count() or 1, "Threads that score images.", lower=1)


def evaluate_model(
    model: str,
    load: Callable[[], Restorer],
    pairs: Pairs,
    options: EvaluationOptions,
    *,
    dataset: str,
    seed: int,
    restoring: RestorerOptions,
) -> list[dict[str, Any]]:
    """Scores what a model makes of a dataset; each image is restored once.

    Args:
        model: see `egnet_tf.load`.
        load: loads it, ready to restore; called only if there is anything to score.
        pairs: the dataset.
        options: see `EvaluationOptions`.
        dataset: what to call the dataset: "gopro test, gopro_blur=gamma".
        seed: that the pairs were opened with.
        restoring: how the model restores.

    Returns:
        What summary.json holds, for each protocol. The method's name there says
        whether images were restored whole or in tiles, and by which branches.

    Raises:
        InputError: no such model, or the output folder holds another evaluation.
    """
    source = resolve(model)
    fusion = fusion_of(source, restoring.branches, restoring.fuse)
    kinds = ("blurry", "restored", "sharp")
    if pairs.inputs == BLURRY:
        given = ()
    else:
        given, kinds = pairs.inputs, kinds[1:]
    if given != results_among(fusion.branches):
        methods = ", ".join(results_among(fusion.branches)) or "none, blurry images"
        raise InputError(
            f"Expected a dataset with the results that {model} fuses: {methods}. "
            f"Received: {', '.join(given) or 'blurry images'}"
        )
    unusual = {x.name: x.text for _, x in changes(RestorerOptions(), restoring)}
    about = {
        "method": options.method or model,
        "weights": _digest(
            hashlib.sha256(file.read_bytes()).hexdigest() + file.name
            for file in source.files()
        ),
        "egnet_tf": egnet_tf.__version__,
        "dataset": dataset,
        "seed": seed,
        "names": _digest(pairs.names),
        "restoring": unusual,
    }
    restorer = functools.cache(load)

    def images(index: int) -> Images:
        pair = pairs.read(index)
        plan = restorer().plan(*pair.sharp.shape[:2])
        height, width = plan.tile
        restored_in = f"tiles of {height}x{width}" if plan.tiles > 1 else "whole"
        restored = restorer()(pair.blurry)
        blurry = pair.blurry if pairs.inputs == BLURRY else None
        result = Images(restored, pair.sharp, blurry, restored_in)
        if options.save_images:
            for kind in kinds:
                write_image(
                    first.image(kind, pairs.names[index]), getattr(result, kind)
                )
        return result

    home = Path("runs", "evaluation", Path(model).stem)
    if source.kind == "run":
        home = source.path.parent / "evaluation"

    def default(protocol: str) -> Path:
        parts = [dataset.replace(" test", "", 1), protocol]
        parts += [f"{name}={text}" for name, text in unusual.items()]
        return home / re.sub(r"[^\w.=-]+", "_", "_".join(parts))

    folders = _open(default, about, options)
    first = folders[0]
    if options.save_images:
        for index, name in enumerate(pairs.names):
            files = [first.image(kind, name) for kind in kinds]
            if name in first.rows and not all(file.exists() for file in files):
                images(index)
    share = [name for name in pairs.names if parse_shard(options.shard).holds(name)]
    if any(name not in folder.rows for folder in folders for name in share):
        restorer()  # Here an error is of the model, later it would be of each image.
    found = {
        "model": model,
        "local_pooling": restoring.local_pooling,
        "branches": fusion.branches,
        "fuse": "trained" if fusion.trained else "mean" if fusion.branches else None,
    }
    named = functools.partial(_restoring_note, restoring, fusion)
    return _score(pairs.names, images, folders, {**about, **found}, options, named)


def _restoring_note(
    restoring: RestorerOptions, fusion: Fusion, restored_in: Mapping[str, int]
) -> str:
    """How a model restored: "tiles of 512x512; mean of whole, rotate180"."""
    notes = [" and ".join(sorted(restored_in, reverse=True))]
    if restoring.overlap is not None:
        notes.append(f"overlap {restoring.overlap}")
    if restoring.local_pooling:
        notes.append("local pooling")
    if fusion.branches:
        how = "trained fusion" if fusion.trained else "mean"
        notes.append(f"{how} of {', '.join(fusion.branches)}")
    return "; ".join(filter(None, notes))


def evaluate_folder(
    restored: str, sharp: str | None, options: EvaluationOptions
) -> list[dict[str, Any]]:
    """Scores the images of any method against sharp images of the same names.

    Without sharp ones, all the protocols are such as need none.

    Returns:
        What summary.json holds, for each protocol: also the files "only_restored" and
        "only_sharp".

    Raises:
        InputError: see `match_folders`, or the output folder holds another evaluation.
    """
    if sharp is None:
        return _evaluate_alone(restored, options)
    match = match_folders(restored, sharp)
    names = tuple(match.pairs)
    about = {
        "method": options.method or restored,
        "files": _files_digest(f for files in match.pairs.values() for f in files),
        "dataset": sharp,
        "names": _digest(names),
    }

    def images(index: int) -> Images:
        restored, sharp = map(read_image, match.pairs[names[index]])
        return Images(restored, sharp)

    folders = _open(lambda protocol: _beside(restored) / protocol, about, options)
    unmatched = {
        "only_restored": [str(file) for file in match.only_restored],
        "only_sharp": [str(file) for file in match.only_sharp],
    }
    return _score(names, images, folders, {**about, **unmatched}, options)


def _evaluate_alone(restored: str, options: EvaluationOptions) -> list[dict[str, Any]]:
    """Scores the images of a folder by themselves."""
    found = find_images(Path(restored))
    if not found:
        raise InputError(f"Expected images in a folder. Received: {restored}")
    names = tuple(found)
    about = {
        "method": options.method or restored,
        "files": _files_digest(found.values()),
        "dataset": restored,
        "names": _digest(names),
    }

    def images(index: int) -> Images:
        return Images(read_image(found[names[index]]), None)

    folders = _open(lambda protocol: _beside(restored) / protocol, about, options)
    return _score(names, images, folders, about, options)


def evaluate_results(
    restored: str,
    pairs: Pairs,
    options: EvaluationOptions,
    *,
    dataset: str,
    seed: int,
) -> list[dict[str, Any]]:
    """Scores a method's images of a dataset, whose names they have.

    Its row stands in the same columns of Table 1 as those of our models.

    Args:
        restored: the folder of the images, see `match_names`.
        pairs: the dataset.
        options: see `EvaluationOptions`.
        dataset: what to call the dataset, as for `evaluate_model`.
        seed: that the pairs were opened with.

    Returns:
        What summary.json holds, for each protocol; pairs without a restored image
        are "unscored".

    Raises:
        InputError: see `match_names`, or the output folder holds another evaluation.
    """
    matched = match_names(restored, pairs.names)
    about = {
        "method": options.method or restored,
        "files": _files_digest(matched.values()),
        "dataset": dataset,
        "seed": seed,
        "names": _digest(pairs.names),
    }

    def images(index: int) -> Images:
        name = pairs.names[index]
        if name not in matched:
            raise InputError(f"Expected a restored image of {name}. Received: none")
        pair = pairs.read(index)
        return Images(read_image(matched[name]), pair.sharp, pair.blurry)

    def default(protocol: str) -> Path:
        parts = dataset.replace(" test", "", 1), protocol
        return _beside(restored) / re.sub(r"[^\w.=-]+", "_", "_".join(parts))

    folders = _open(default, about, options)
    return _score(pairs.names, images, folders, about, options)


def _beside(restored: str) -> Path:
    path = Path(restored)
    return path.with_name(f"{path.name}_evaluation")


def _open(
    default: Callable[[str], Path],
    about: Mapping[str, Any],
    options: EvaluationOptions,
) -> list[EvaluationFolder]:
    """The folders of the protocols, in their order."""
    folders = []
    for name in options.protocol:
        path = default(name)
        if options.output:
            several = len(options.protocol) > 1
            path = Path(options.output, name) if several else Path(options.output)
        identity = {**about, "protocol": PROTOCOLS[name].description}
        del identity["method"]  # A name: scores of the same images stay the same.
        opened = functools.partial(
            EvaluationFolder,
            identity=identity,
            overwrite=options.overwrite,
            further=PROTOCOLS[name].further,
        )
        shard = parse_shard(options.shard)
        if options.shard:
            path /= f"shard_{shard.index}_of_{shard.count}"
        folder = opened(path)
        for part in sorted(path.glob("shard_*_of_*/evaluation.json")):
            for scored, row in opened(part.parent).rows.items():
                if scored not in folder.rows:
                    folder.append(row)
        folders.append(folder)
    return folders


def _score(
    names: Sequence[str],
    images: Callable[[int], Images],
    folders: Sequence[EvaluationFolder],
    about: Mapping[str, Any],
    options: EvaluationOptions,
    note: Callable[[Mapping[str, int]], str] | None = None,
) -> list[dict[str, Any]]:
    """Scores all images by all protocols, and writes the summaries.

    `note` makes an addition to the method's name from how many images were restored
    whole and in tiles.

    Of a shard, only its images are scored, and no summary.json is written.
    """
    shard = parse_shard(options.shard)
    share = [index for index, name in enumerate(names) if shard.holds(name)]
    names, of_all = [names[index] for index in share], images

    def of_share(index: int) -> Images:
        return of_all(share[index])

    images = of_share
    if len(folders) > 1:
        # The protocols go through the images side by side, at most so far apart.
        images = functools.lru_cache(2 * options.workers + 2)(images)
    workers = max(1, options.workers // len(folders))
    protocols = [PROTOCOLS[name] for name in options.protocol]
    scoring = [
        score_images(names, images, protocol, folder, workers=workers)
        for protocol, folder in zip(protocols, folders, strict=True)
    ]
    left = max(len(names) - len(folder.rows) for folder in folders)
    unscored: list[dict[str, str]] = [{} for _ in folders]
    rounds = itertools.zip_longest(*scoring)
    for rows in tqdm(rounds, "scoring", left, unit="image", disable=None):
        for missing, row in zip(unscored, rows, strict=True):
            if isinstance(row, Unscored):
                missing[row.name] = row.reason
    summaries = []
    for protocol, folder, missing in zip(protocols, folders, unscored, strict=True):
        rows = folder.sort(names)
        found = dict(about)
        if note is not None:
            counts = collections.Counter(row.restored_in for row in rows)
            found["restored_in"] = dict(counts)
            if counts:
                found["method"] = f"{about['method']} ({note(counts)})"
        summary = summarize(rows, protocol, found, missing)
        if not options.shard:
            folder.write_summary(summary)
        summaries.append({**summary, "folder": str(folder.path)})
    return summaries


def _files_digest(files: Iterable[Path]) -> str:
    return _digest(
        f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files
    )


def _digest(lines: Iterable[str]) -> str:
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:16]
