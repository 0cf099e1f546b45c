"""Measures run time and memory of exported files beside their Keras model.

python -m egnet_tf.benchmarks exported --model=egnet_mobile --files=dist

One tile, and a whole photo in tiles, through LiteRT, ONNX Runtime, OpenVINO and Keras
in float32 and bfloat16, in turns in one run.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast, get_args

import numpy as np

from egnet_tf.benchmarks.memory import measured_apart, peak_memory
from egnet_tf.benchmarks.networks import PRECISIONS, precision_policy
from egnet_tf.benchmarks.timing import compared, time_in_turns
from egnet_tf.errors import InputError
from egnet_tf.inference.resolve import load, resolve
from egnet_tf.inference.runners.base import Accelerator
from egnet_tf.options import option

if TYPE_CHECKING:
    from egnet_tf.inference import Restorer

_KERAS: dict[str, str] = dict(zip(("Keras", "Keras bfloat16"), PRECISIONS, strict=True))
_KINDS = ("tflite", "onnx", "openvino")


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    model: str = option(
        "egnet_mobile",
        "The run, or variant with shipped weights, that the files came from.",
    )
    files: tuple[str, ...] = option(
        (), "Files (.tflite, .onnx), OpenVINO models, or folders with them."
    )
    repetitions: int = option(5, "Number of timed runs of a tile.", lower=1)
    megapixels: float = option(
        12.0, "Size of a photo that is restored in tiles; 0 for none.", lower=0.0
    )
    photos: int = option(1, "Number of timed runs of the photo.", lower=1)
    accelerator: str = option(
        "auto",
        "What files restore on, as in deblur; Keras runs where TensorFlow puts it.",
        choices=get_args(Accelerator),
    )


class FileCost(NamedTuple):
    """One row of the result.

    Attributes:
        file: its name, or "Keras", "Keras bfloat16".
        tile: side in pixels.
        megabytes: of the file; for Keras of the weights in float32.
        seconds: of one tile, see `Timing`.
        times_keras: seconds / seconds of Keras in float32.
        peak_megabytes: of a process that opens it and restores one tile, above its
            start.
        photo_seconds: of the photo in tiles, likewise.
        photo_times_keras: likewise.
        photo_cpu_seconds: of all threads together, the least of all rounds: less than
            `photo_seconds` times the cores where others use them, more where threads
            wait busily.
        photo_peak_megabytes: of a process that opens it and restores the photo, which
            counts itself, above its start.
        device: what it ran on. The memory of a LiteRT accelerator, in a process of its
            own, is not counted.
    """

    file: str
    tile: int
    megabytes: float
    seconds: float
    times_keras: float
    peak_megabytes: float
    photo_seconds: float | None = None
    photo_times_keras: float | None = None
    photo_cpu_seconds: float | None = None
    photo_peak_megabytes: float | None = None
    device: str = ""


def measure(options: Options) -> list[FileCost]:
    """Times files of one tile size and their Keras model in turns; a row for each.

    LiteRT runs through its default delegate on all cores, ONNX by onnxruntime and
    OpenVINO models by openvino on the CPU in float32, Keras in a compiled graph. Files
    of any size are given tiles of the others' size, or of 256 pixels if there are no
    others. The photo is restored in each by processes of their own, in turns.

    Raises:
        InputError: there is no such model or file, or the files' tiles differ.
    """
    files = find_files(options.files)
    weights = resolve(options.model).weights()
    tiles = {restorer.runner.tile for restorer in map(load, files.values())} - {None}
    if len(tiles) > 1:
        raise InputError(
            "Expected files of one tile size. Received: "
            f"{', '.join(map(str, sorted(filter(None, tiles))))}"
        )
    tile = tiles.pop() or 256 if tiles else 256
    opened: dict[str, Callable[[], Restorer]] = {
        **{n: functools.partial(_keras, weights, tile, p) for n, p in _KERAS.items()},
        **{
            name: functools.partial(
                load,
                path,
                tile=tile,
                accelerator=cast("Accelerator", options.accelerator),
            )
            for name, path in files.items()
        },
    }
    image = np.random.default_rng(0).random((1, tile, tile, 3), np.float32)
    runners = {name: open_restorer().runner for name, open_restorer in opened.items()}
    times = time_in_turns(
        {name: functools.partial(run, image) for name, run in runners.items()},
        options.repetitions,
    )
    devices = {name: runner.device for name, runner in runners.items()}
    # Each of them holds threads, and some let them wait busily.
    runners.clear()
    peaks = {name: peak_memory(_restore, o, tile, tile) for name, o in opened.items()}
    photo = _photo(opened, options) if options.megapixels else {}
    keras_bytes = 4 * _parameters(weights)
    sizes = {name: keras_bytes for name in _KERAS}
    for name, path in files.items():
        sizes[name] = sum(file.stat().st_size for file in resolve(path).files())
    return [
        FileCost(
            name,
            tile,
            sizes[name] / 1e6,
            *times[name],
            peaks[name] / 1e6,
            *photo.get(name, ()),
            device=devices[name],
        )
        for name in opened
    ]


def find_files(paths: Sequence[str]) -> dict[str, Path]:
    """The exported files among files and in folders, by their names.

    Raises:
        InputError: there are none, or two of one name.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        inside = [path]
        if path.is_dir() and not _is_exported(path):
            inside = [file for file in sorted(path.iterdir()) if _is_exported(file)]
        found += inside
    if not found:
        raise InputError(
            "Expected .tflite or .onnx files, OpenVINO models, or folders with some. "
            f"Received: {', '.join(paths) or 'none'}"
        )
    named = {path.name: path for path in found}
    if len(named) < len(found):
        raise InputError(
            "Expected files of different names. "
            f"Received: {', '.join(path.name for path in found)}"
        )
    return named


def _is_exported(path: Path) -> bool:
    try:
        return resolve(path).kind in _KINDS
    except InputError:
        return False


def _keras(weights: Path, tile: int, precision: str) -> Restorer:
    from egnet_tf import models
    from egnet_tf.inference import Restorer
    from egnet_tf.inference.runners.tensorflow import KerasRunner

    with precision_policy(precision):
        loaded = models.load(weights)
    return Restorer(KerasRunner(loaded.network, loaded.size_multiple), tile=tile)


def _parameters(weights: Path) -> int:
    from egnet_tf import models

    return models.load(weights).network.count_params()


def _photo(
    opened: dict[str, Callable[[], Restorer]], options: Options
) -> dict[str, tuple[float, float, float, float]]:
    """The columns of a 4:3 photo, by name."""
    width = round(math.sqrt(options.megapixels * 1e6 * 4 / 3))
    height = round(width * 3 / 4)
    rounds: dict[str, list[tuple[_Times, int]]] = {name: [] for name in opened}
    for _ in range(options.photos):
        for name, open_restorer in opened.items():
            rounds[name].append(measured_apart(_restore, open_restorer, height, width))
    timings = compared({n: [t.wall for t, _ in own] for n, own in rounds.items()})
    return {
        name: (
            timings[name].seconds,
            timings[name].ratio,
            min(times.cpu for times, _ in own),
            max(peak for _, peak in own) / 1e6,
        )
        for name, own in rounds.items()
    }


class _Times(NamedTuple):
    wall: float
    cpu: float


def _restore(open_restorer: Callable[[], Restorer], height: int, width: int) -> _Times:
    """Restores noise of a size and returns how many seconds it took.

    One tile goes before, for what is done once: tracing, first allocations.
    """
    restorer = open_restorer()
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    side = restorer.plan(height, width).tile[0]
    restorer(photo[:side, :side])
    wall, cpu = time.perf_counter(), time.process_time()
    restorer(photo, out=photo)
    return _Times(time.perf_counter() - wall, time.process_time() - cpu)
