"""Opens datasets by what `--dataset` and `--data_dir` say."""

from __future__ import annotations

import dataclasses
import re
from typing import NamedTuple

from egnet_tf.data.datasets.camera_motion import open_camera_motion
from egnet_tf.data.datasets.camera_shake import open_camera_shake
from egnet_tf.data.datasets.folder import open_folder
from egnet_tf.data.datasets.frames import WINDOWS, open_frames
from egnet_tf.data.datasets.gopro import BLURS, open_gopro
from egnet_tf.data.datasets.realblur import open_realblur
from egnet_tf.data.datasets.samples import open_samples
from egnet_tf.data.datasets.shards import open_shards
from egnet_tf.data.mixture import MixedPairs
from egnet_tf.data.pairs import Pairs
from egnet_tf.data.synthesis.camera_shake import MAX_EXTENT
from egnet_tf.errors import InputError
from egnet_tf.images.cache import DEFAULT_LIMIT

DATASETS = (
    "gopro",
    "realblur_j",
    "realblur_r",
    "folder",
    "frames",
    "camera_motion",
    "camera_shake",
    "samples",
    "shards",
)
SPLITS = ("train", "test")


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """What else the user may say about datasets; each concerns the one it names.

    Attributes:
        gopro_blur: "linear" or "gamma": GoPro's `blur` or `blur_gamma`.
        frames_blur: "linear" or "gamma": what `frames` averages.
        frames_windows: how many frames `frames` averages, each odd.
        blurry: pattern of the blurry files of `folder`.
        sharp: pattern of the sharp files of `folder`.
        camera_shake_extent: the longest camera shake of `camera_shake` and `samples`,
            in pixels.
        camera_shake_sharp_fraction: the fraction of training crops left sharp.
        camera_shake_max_upscale: upper bound of the random upscaling before blurring.
        cache_bytes: the most bytes of decoded images each source keeps in memory.
    """

    gopro_blur: str = "linear"
    frames_blur: str = "linear"
    frames_windows: tuple[int, ...] = WINDOWS
    blurry: str = ""
    sharp: str = ""
    camera_shake_extent: float = MAX_EXTENT
    camera_shake_sharp_fraction: float = 0.0
    camera_shake_max_upscale: float = 1.0
    cache_bytes: int = DEFAULT_LIMIT

    def __post_init__(self):
        """Checks what would otherwise fail only on reading."""
        for name in ("gopro_blur", "frames_blur"):
            if getattr(self, name) not in BLURS:
                raise InputError(
                    f"Expected {name} linear or gamma. Received: {getattr(self, name)}"
                )
        if self.camera_shake_max_upscale < 1:
            raise InputError(
                "Expected camera_shake_max_upscale of at least 1. "
                f"Received: {self.camera_shake_max_upscale}"
            )


class Source(NamedTuple):
    """One entry of `--dataset`."""

    name: str
    folder: str | None
    weight: float


def parse_dataset(dataset: str) -> list[Source]:
    r"""Reads `name[:folder][*weight],...`.

    Only the first colon of an entry counts, so that `gopro:C:\data` is a folder on
    drive C. A folder's own name cannot contain a comma.

    Args:
        dataset: such as "gopro:/data/GOPRO*3,camera_shake:/data/photos".

    Returns:
        The entries in order; the weight is 1 where none is given.

    Raises:
        InputError: an entry is not of that form or names no dataset.
    """
    sources = []
    for entry in dataset.split(","):
        match = re.fullmatch(r"([^:*]+)(?::(.+?))?(?:\*([\d.]+))?", entry.strip())
        if not match or match[1] not in DATASETS:
            raise InputError(
                f"Expected a dataset of {', '.join(DATASETS)}, each as "
                f"name[:folder][*weight]. Received: {entry.strip() or 'nothing'}"
            )
        try:
            weight = float(match[3] or 1)
        except ValueError:
            raise InputError(
                f"Expected a number as weight. Received: {entry.strip()}"
            ) from None
        sources.append(Source(match[1], match[2], weight))
    return sources


def open_pairs(
    dataset: str,
    *,
    data_dir: str | None = None,
    split: str,
    seed: int = 0,
    options: DataOptions = DataOptions(),
) -> Pairs:
    """Opens one split of a dataset, or of several as a mixture.

    Args:
        dataset: one of `DATASETS`, with its folder and weight if you like, or several
            with commas between; see `parse_dataset`.
        data_dir: the folder of the entries without one; `samples` needs none.
        split: "train" or "test".
        seed: of what is made on the fly (camera shake).
        options: what else concerns single datasets.

    Returns:
        The pairs; of several datasets, `MixedPairs`.

    Raises:
        InputError: no such dataset or split, or its files are not as expected.
    """
    if split not in SPLITS:
        raise InputError(f"Expected split train or test. Received: {split}")
    sources = parse_dataset(dataset)
    opened = [
        _open(source.name, source.folder or data_dir, split, seed, options)
        for source in sources
    ]
    if len(opened) == 1:
        return opened[0]
    prefixes: dict[str, Pairs] = {}
    for source, pairs in zip(sources, opened, strict=True):
        same = sum(prefix.rstrip("0123456789") == source.name for prefix in prefixes)
        prefixes[f"{source.name}{same + 1}" if same else source.name] = pairs
    return MixedPairs(prefixes, [source.weight for source in sources])


def _open(
    name: str, folder: str | None, split: str, seed: int, options: DataOptions
) -> Pairs:
    cache = {"cache_bytes": options.cache_bytes}
    match name:
        case "gopro":
            return open_gopro(folder, split, blur=options.gopro_blur, **cache)
        case "realblur_j" | "realblur_r":
            return open_realblur(folder, split, kind=name[-1].upper(), **cache)
        case "folder":
            return open_folder(
                folder, split, blurry=options.blurry, sharp=options.sharp, **cache
            )
        case "frames":
            return open_frames(
                folder,
                split,
                blur=options.frames_blur,
                windows=options.frames_windows,
                **cache,
            )
        case "camera_motion":
            return open_camera_motion(folder, split, seed=seed, **cache)
        case "camera_shake":
            return open_camera_shake(
                folder,
                split,
                seed=seed,
                max_extent=options.camera_shake_extent,
                still=options.camera_shake_sharp_fraction,
                enlarge=options.camera_shake_max_upscale,
                **cache,
            )
        case "samples":
            return open_samples(
                split, seed=seed, max_extent=options.camera_shake_extent
            )
        case "shards":
            return open_shards(folder, split)
        case _:
            raise AssertionError(name)
