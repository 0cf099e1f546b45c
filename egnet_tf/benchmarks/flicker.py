"""Measures whether a restored video flickers: changes between successive frames.

python -m egnet_tf.benchmarks flicker --model=egnet_mobile --data_dir=GOPRO_240FPS

The folder is one of the dataset `frames`: sequences of frames of a high-speed camera.
Successive windows of them are averaged, as by a camera whose shutter is always open;
each frame of that blurry video is restored on its own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from egnet_tf.data.datasets.frames import FramesOptions, open_frames
from egnet_tf.data.pairs import Pair
from egnet_tf.data.registry import SPLITS, Request
from egnet_tf.errors import InputError
from egnet_tf.images.convert import to_float
from egnet_tf.inference import Restorer, load
from egnet_tf.options import option


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    model: str = option(
        "egnet_mobile", "The model: a run, or a variant with shipped weights."
    )
    data_dir: str = option("", "A folder of sequences of frames.")
    window: int = option(9, "Frames that are averaged, an odd number.", lower=1)
    blur: str = option(
        "linear",
        "Whether stored values are averaged or light under a gamma of 2.2.",
        choices=("linear", "gamma"),
    )


class Flicker(NamedTuple):
    """One row of the result: a sequence. All numbers are of 255.

    A change is the mean absolute difference of a pixel in two successive frames. Sharp
    frames change more than blurry ones where something moves, because edges are
    steeper: what is restored perfectly has the change of the sharp ones.

    Attributes:
        sequence: its name.
        frames: of the blurry video.
        blurry: its change.
        restored: that of the restored frames.
        sharp: that of the sharp frames.
        flicker: restored - blurry.
        blurry_error: the change of blurry - sharp, which is 0 if frames are equally
            wrong; what moves changes it, too.
        restored_error: the change of restored - sharp.
    """

    sequence: str
    frames: int
    blurry: float
    restored: float
    sharp: float
    flicker: float
    blurry_error: float
    restored_error: float


def measure(options: Options) -> list[Flicker]:
    """Measures what the options say; a row for each sequence."""
    if not options.data_dir:
        raise InputError("Expected --data_dir=FOLDER. Received: none")
    return measure_flicker(
        load(options.model), Path(options.data_dir), options.window, options.blur
    )


def measure_flicker(
    restorer: Restorer, folder: Path, window: int, blur: str = "linear"
) -> list[Flicker]:
    """Restores the sequences of a folder; a row for each with two frames or more.

    Raises:
        InputError: no such folder, an even window, or no sequence of two windows.
    """
    rows = []
    for name, pairs in _sequences(folder, window, blur):
        changes, last, frames = [], None, 0
        for follows, (blurry, sharp) in pairs:
            now = np.stack([to_float(x) for x in (blurry, restorer(blurry), sharp)])
            if last is not None and follows:
                change = now - last
                errors = change[:2] - change[2]
                changes.append([np.abs(x).mean() for x in (*change, *errors)])
            last, frames = now, frames + 1
        if changes:
            mean = 255 * np.mean(changes, axis=0)
            blurry, restored, sharp, blurry_error, restored_error = mean.tolist()
            rows.append(
                Flicker(
                    name,
                    frames,
                    blurry,
                    restored,
                    sharp,
                    restored - blurry,
                    blurry_error,
                    restored_error,
                )
            )
    if not rows:
        raise InputError(
            f"Expected sequences of at least {2 * window} frames. Received: {folder}"
        )
    return rows


def _sequences(
    folder: Path, window: int, blur: str
) -> Iterator[tuple[str, Iterator[tuple[bool, Pair]]]]:
    """Yields the pairs of each sequence, and whether one follows the last at once."""
    options = FramesOptions(blur=blur, windows=(window,))
    found = []
    for split in SPLITS:
        request = Request("frames", str(folder), split)
        _ = request.root  # There must be such a folder.
        with contextlib.suppress(InputError):  # A split may have no such sequence.
            found.append(open_frames(request, options))
    places = [(pairs, k) for pairs in found for k in range(len(pairs))]

    def sequence(place: tuple) -> str:
        return place[0].names[place[1]].rpartition("/")[0]

    def read(places: Iterator[tuple]) -> Iterator[tuple[bool, Pair]]:
        expected = None
        for pairs, k in places:
            middle = re.findall(r"\d+", pairs.names[k].rpartition("_")[0])
            number = int(middle[-1]) if middle else None
            yield number == expected, pairs.read(k)
            expected = None if number is None else number + window

    for name, group in itertools.groupby(places, sequence):
        yield name, read(group)
