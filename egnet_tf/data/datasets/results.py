"""The dataset `results`: what several methods made of the same blurry images.

The self-ensemble of section 3.2 fuses "multiple test results" I_1 ... I_n. They need
not be of one network: here they are read from folders, one a method, which hold
images of the same names.

    --dataset=results:ROOT                ROOT/sharp and ROOT/<method>/..., or
                                          ROOT/{train,test}/sharp and so on
    --dataset=results --results_methods=SRN=/a/SRN,/b/BANet --results_sharp=/c/gt

A folder with a sub-folder of the split's name is entered there.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from egnet_tf.data.datasets.folder import SHARP_FOLDERS
from egnet_tf.data.file_pairs import FilePairs
from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.data.registry import Request, dataset
from egnet_tf.errors import InputError
from egnet_tf.images.cache import Reader, cached_reader
from egnet_tf.images.find import find_images
from egnet_tf.options import option


@dataclasses.dataclass(frozen=True)
class ResultsOptions:
    """The folders of restored images, and that of the sharp ones."""

    methods: tuple[str, ...] = option(
        (),
        "Folders of --dataset=results, one a method, each as folder or title=folder; "
        "relative to the dataset's folder if it has one. Their order does not matter. "
        "By default all sub-folders with images in that folder but the sharp one.",
    )
    sharp: str = option(
        "",
        "Folder of the sharp images of --dataset=results. By default sharp, target or "
        "gt in the dataset's folder.",
    )


class ResultPairs(Pairs):
    """Restorations by several methods, stacked, beside the sharp image.

    `read` gives, as the blurry image, uint8 (H, W, 3 n): the images of the n methods
    in the order of `inputs`, that of their titles.

    Args:
        methods: title to name to file.
        sharp: name to file; the names that all methods have, too.
        read: reads an image; by default, `cached_reader()`.

    Raises:
        InputError: see `FilePairs`.
    """

    def __init__(
        self,
        methods: Mapping[str, Mapping[str, Path]],
        sharp: Mapping[str, Path],
        *,
        read: Reader | None = None,
    ):
        self.names, self.inputs = tuple(sharp), tuple(sorted(methods))
        for title in self.inputs:
            # Checks the headers of all files.
            FilePairs({name: (methods[title][name], sharp[name]) for name in sharp})
        self.files = [
            (*(methods[title][name] for title in self.inputs), sharp[name])
            for name in sharp
        ]
        self._read = read or cached_reader()

    def source_files(self) -> Iterable[Path]:
        """See `Pairs.source_files`."""
        return dict.fromkeys(file for files in self.files for file in files)

    def read(self, index: int) -> Pair:
        """Reads all methods' images and the sharp one; see `Pairs.read`."""
        *results, sharp = map(self._read, self.files[index])
        for image, file in zip(results, self.files[index], strict=False):
            if image.shape != sharp.shape:
                raise InputError(
                    "Expected restored images of the sharp one's size. Received: "
                    f"{image.shape[:2]} and {sharp.shape[:2]} (height, width), {file}"
                )
        return Pair(np.concatenate(results, axis=-1), sharp)


@dataset("results", ResultsOptions)
def open_results(request: Request, options: ResultsOptions) -> ResultPairs:
    """Opens the results of several methods.

    Raises:
        InputError: fewer than two methods, no folder, an image that not every method
            has, or images of unequal sizes.
    """
    root = _of_split(request.root, request.split) if request.folder else Path()
    if not request.folder and not (options.methods and options.sharp):
        raise InputError(
            "Expected --dataset=results:FOLDER, or --results_methods and "
            "--results_sharp. Received: neither"
        )
    sharp = root / options.sharp if options.sharp else _sharp_folder(root)
    folders = _method_folders(root, options.methods, sharp)
    if request.split == "train" and "train" not in (
        root.name,
        _of_split(sharp, "train").name,
    ):
        logging.getLogger(__name__).warning(
            "The dataset results has no sub-folder train: both splits are all of its "
            "images. %s",
            sharp,
        )
    if len(folders) < 2:
        raise InputError(
            "Expected folders of two or more methods. "
            f"Received: {', '.join(map(str, folders.values())) or f'none in {root}'}"
        )
    found = {
        title: _images(_of_split(folder, request.split))
        for title, folder in folders.items()
    }
    in_sharp = _images(_of_split(sharp, request.split))
    missing = [
        f"{name} of {title}"
        for title, images in found.items()
        for name in (*in_sharp, *(name for name in images if name not in in_sharp))
        if (name in images) != (name in in_sharp)
    ]
    if missing:
        raise InputError(
            "Expected images of the same names in the sharp folder and of every "
            f"method. Received: {len(missing)} without a partner: {', '.join(missing)}"
        )
    return ResultPairs(found, in_sharp, read=request.read)


def _method_folders(root: Path, methods: Sequence[str], sharp: Path) -> dict[str, Path]:
    if not methods:
        found = (p for p in root.iterdir() if p.is_dir() and p.name[0] != ".")
        others = (p for p in found if p.resolve() != sharp.resolve())
        # Folders of scores may lie beside.
        return {p.name: p for p in others if find_images(p)}
    folders: dict[str, Path] = {}
    for text in methods:
        title, _, where = text.partition("=")
        if not where or (root / text).expanduser().is_dir():
            title, where = "", text
        folder = root / Path(where).expanduser()
        title = title or folder.name
        if title in folders:
            raise InputError(
                "Expected methods of different titles, as title=folder. "
                f"Received: {folders[title]} and {folder}"
            )
        folders[title] = folder
    return folders


def _sharp_folder(root: Path) -> Path:
    present = [name for name in SHARP_FOLDERS if (root / name).is_dir()]
    if len(present) != 1:
        raise InputError(
            f"Expected one sub-folder of {', '.join(SHARP_FOLDERS)} in {root}, or "
            f"--results_sharp. Received: {', '.join(present) or 'none of them'}"
        )
    return root / present[0]


def _of_split(folder: Path, split: str) -> Path:
    if (folder / split).is_dir():
        return folder / split
    return folder


def _images(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"Expected a folder of images. Received: {folder}")
    return find_images(folder)
