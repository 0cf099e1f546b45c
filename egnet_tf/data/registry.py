"""Opens datasets by what `--dataset` and `--data_dir` say.

A dataset is a module in `egnet_tf.data.datasets` that registers a function:

    @dataclasses.dataclass(frozen=True)
    class GoProOptions:
        blur: str = option("linear", "GoPro's blur or blur_gamma.", choices=BLURS)

    @dataset("gopro", GoProOptions)
    def open_gopro(request: Request, options: GoProOptions) -> Pairs: ...

Its options become flags, such as --gopro_blur, of every command that reads datasets.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import os
import pkgutil
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from egnet_tf.data.mixture import MixedPairs
from egnet_tf.data.pairs import BLURRY, Pairs
from egnet_tf.errors import InputError
from egnet_tf.images.cache import DEFAULT_LIMIT, Reader, cached_reader

SPLITS = ("train", "test")


class Request(NamedTuple):
    """What a dataset is asked to open: one split, "train" or "test".

    `dataset` is the name it is registered under; `folder` is where its files are, if
    the user said so (see `root`); `seed` is that of what is made on the fly,
    `read` what reads image files, and keeps some of them.
    """

    dataset: str
    folder: str | None
    split: str
    seed: int = 0
    read: Reader | None = None

    @property
    def root(self) -> Path:
        """The folder, which must be there.

        Raises:
            InputError: it is not given, or is no folder.
        """
        if not self.folder:
            raise InputError(
                f"Expected a folder for the dataset {self.dataset}: --data_dir=FOLDER "
                f"or --dataset={self.dataset}:FOLDER. Received: none"
            )
        path = Path(os.path.expanduser(self.folder))
        if not path.is_dir():
            raise InputError(
                f"Expected the folder of the dataset {self.dataset}. "
                f"Received: {self.folder}"
            )
        return path


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """Of a dataset that has none."""


class Dataset(NamedTuple):
    """What is registered: what opens a dataset, and the class of its options."""

    open: Callable[[Request, Any], Pairs]
    options: Callable[[], object]


_registered: dict[str, Dataset] = {}
_Open = TypeVar("_Open", bound=Callable[[Request, Any], Pairs])


def dataset(
    name: str, options: Callable[[], object] = NoOptions
) -> Callable[[_Open], _Open]:
    """Registers the decorated function as what opens the dataset `--dataset=name`.

    Its options are a dataclass of `egnet_tf.options.option` fields.
    """

    def register(function: _Open) -> _Open:
        _registered[name] = Dataset(function, options)
        return function

    return register


def datasets() -> Mapping[str, Dataset]:
    """All datasets by name: those in `egnet_tf.data.datasets` and any others."""
    _discover()
    return dict(sorted(_registered.items()))


@functools.cache
def _discover() -> None:
    package = importlib.import_module("egnet_tf.data.datasets")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def default_options() -> dict[str, Any]:
    """The options of every dataset by its name, all with their defaults."""
    return {name: each.options() for name, each in datasets().items()}


class Source(NamedTuple):
    """One entry of `--dataset`."""

    name: str
    folder: str | None
    weight: float


_ENTRY = re.compile(
    r"""\s* (?P<name> [^:*,"]*?) \s*
    (?: : (?: (?P<quoted> "(?: [^"\\] | \\. )*") | (?P<folder> (?: [^,] | ,, )+? )))?
    (?: \* (?P<weight> [\d.]+))?
    \s* (?: ,(?!,) | (?P<end> \Z))""",
    re.VERBOSE | re.DOTALL,
)


def parse_dataset(text: str) -> list[Source]:
    r"""Reads `name[:folder][*weight],...`, such as "gopro:/data/GOPRO*3,samples".

    Only the first colon of an entry counts, so that `gopro:C:\data` is a folder on
    drive C. A comma in a folder's name is written twice, and a name that ends like a
    weight is followed by one: `folder:red,,green` and `folder:set*2*1`. In quotes,
    those of a JSON string, any path can be said: `folder:"red, green*2 "*3`.

    Returns:
        The entries in order; the weight is 1 where none is given.

    Raises:
        InputError: an entry is not of that form or names no dataset.
    """
    sources, position = [], 0
    while True:
        match = _ENTRY.match(text, position)
        if not match or match["name"] not in datasets():
            raise InputError(
                f"Expected a dataset of {', '.join(datasets())}, each as "
                "name[:folder][*weight]. "
                f"Received: {text[position:].strip() or 'nothing'}"
            )
        folder = match["folder"] and match["folder"].replace(",,", ",")
        try:
            weight = float(match["weight"] or 1)
        except ValueError:
            raise InputError(
                f"Expected a number as weight. Received: {match[0].strip()}"
            ) from None
        if match["quoted"]:
            folder = _unquoted_folder(match["quoted"])
        sources.append(Source(match["name"], folder, weight))
        if match["end"] is not None:
            return sources
        position = match.end()


def dataset_entry(name: str, folder: str) -> str:
    """What `parse_dataset` reads as this dataset in this folder, with weight 1."""
    entry = f"{name}:{folder}"
    try:
        simple = folder.isprintable() and parse_dataset(entry) == [
            Source(name, folder, 1)
        ]
    except InputError:
        simple = False
    return entry if simple else f"{name}:{json.dumps(folder)}"


def _unquoted_folder(quoted: str) -> str:
    try:
        return json.loads(quoted, strict=False)
    except ValueError:
        raise InputError(
            r"Expected quotes as in JSON, with \\ for a backslash and \" for quotes. "
            f"Received: {quoted}"
        ) from None


def open_pairs(
    dataset: str,
    *,
    data_dir: str | None = None,
    split: str,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    cache_bytes: int = DEFAULT_LIMIT,
    results: bool = False,
) -> Pairs:
    """Opens one split of a dataset, or of several as a mixture.

    Args:
        dataset: its name, with its folder and weight if you like, or several with
            commas between; see `parse_dataset`.
        data_dir: the folder of the entries without one; `samples` needs none.
        split: "train" or "test".
        seed: of what is made on the fly, such as camera shake.
        options: by the dataset's name, such as {"gopro": GoProOptions(blur="gamma")};
            the others have their defaults.
        cache_bytes: the most bytes of decoded images to keep, for each dataset; those
            of a mixture share them, so that two that are made from one folder of
            photographs decode each once.
        results: whether the caller knows what to do with restorations in the place
            of the blurry image (`Pairs.inputs`).

    Returns:
        The pairs; of several datasets, `MixedPairs`.

    Raises:
        InputError: no such dataset or split, or its files are not as expected.
    """
    if split not in SPLITS:
        raise InputError(f"Expected split train or test. Received: {split}")
    chosen = {**default_options(), **(options or {})}
    sources = parse_dataset(dataset)
    read = cached_reader(cache_bytes * len(sources))
    opened: dict[str, Pairs] = {}
    for name, folder, _ in sources:
        request = Request(name, folder or data_dir, split, seed, read)
        number = sum(source.name == name for source in sources[: len(opened)]) + 1
        key = f"{name}{number}" if number > 1 else name
        opened[key] = datasets()[name].open(request, chosen[name])
    stacked = [name for name, pairs in opened.items() if pairs.inputs != BLURRY]
    if stacked and (len(opened) > 1 or not results):
        raise InputError(
            "Expected --dataset=results alone, to train a self-ensemble or to evaluate "
            f"one; here, blurry images. Received: {dataset}"
        )
    if len(opened) == 1:
        return next(iter(opened.values()))
    return MixedPairs(opened, [source.weight for source in sources])
