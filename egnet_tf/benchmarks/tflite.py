"""Measures run time and memory of exported files beside their Keras model.

python -m egnet_tf.benchmarks tflite --model=runs/quickstart \
    --files=runs/quickstart/export
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from egnet_tf.benchmarks.memory import peak_memory
from egnet_tf.benchmarks.networks import Size, forward
from egnet_tf.benchmarks.timing import time_in_turns
from egnet_tf.errors import InputError
from egnet_tf.inference.resolve import load, resolve
from egnet_tf.options import option

_KERAS = "Keras"
_SUFFIXES = (".onnx", ".tflite")


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure."""

    model: str = option(
        "egnet_mobile",
        "The run, or variant with shipped weights, that the files came from.",
    )
    files: tuple[str, ...] = option(
        (), "Files (.tflite, .onnx) that restore one tile, or folders with them."
    )
    repetitions: int = option(5, "Number of timed runs.", lower=1)


class FileCost(NamedTuple):
    """One row of the result.

    Attributes:
        file: its name, or "Keras".
        tile: side in pixels.
        megabytes: of the file; for Keras of the weights.
        seconds: of one tile, see `Timing`.
        times_keras: seconds / seconds of Keras.
        peak_megabytes: of a process that opens it and restores one tile, above its
            start.
    """

    file: str
    tile: int
    megabytes: float
    seconds: float
    times_keras: float
    peak_megabytes: float


def measure(options: Options) -> list[FileCost]:
    """Times files of one tile size and their Keras model in turns; a row for each.

    LiteRT runs through its default delegate on all cores, ONNX by onnxruntime on the
    CPU, Keras in a compiled graph. Files of any size are given tiles of the others'
    size, or of 256 pixels if there are no others.

    Raises:
        InputError: there is no such model or file, or the files' tiles differ.
    """
    files = find_files(options.files)
    weights = resolve(options.model).weights()
    from egnet_tf import models

    runners = {path.name: load(path).runner for path in files}
    tiles = {runner.tile for runner in runners.values() if runner.tile} or {256}
    if len(tiles) != 1:
        raise InputError(
            "Expected files of one tile size. Received: "
            f"{', '.join(map(str, sorted(tiles)))}"
        )
    (tile,) = tiles
    image = np.random.default_rng(0).random((1, tile, tile, 3), np.float32)
    network = models.load(weights).network
    functions: dict[str, Callable[[], object]] = {
        _KERAS: forward(network, Size(tile, tile)),
        **{name: lambda r=runner: r(image) for name, runner in runners.items()},
    }
    times = time_in_turns(functions, options.repetitions)
    peaks = {
        _KERAS: peak_memory(_restore_with_keras, weights, tile),
        **{path.name: peak_memory(_restore_with_file, path, tile) for path in files},
    }
    sizes = {_KERAS: 4 * network.count_params()}
    sizes.update({path.name: path.stat().st_size for path in files})
    return [
        FileCost(name, tile, sizes[name] / 1e6, *times[name], peaks[name] / 1e6)
        for name in functions
    ]


def find_files(paths: Sequence[str]) -> list[Path]:
    """The exported files among files and in folders.

    Raises:
        InputError: there are none.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        inside = (file for file in path.glob("*") if file.suffix in _SUFFIXES)
        found += sorted(inside) if path.is_dir() else [path]
    if not found:
        raise InputError(
            "Expected .tflite or .onnx files, or folders with some. Received: "
            f"{', '.join(paths) or 'none'}"
        )
    return found


def _restore_with_keras(weights: Path, tile: int) -> None:
    from egnet_tf import models

    forward(models.load(weights).network, Size(tile, tile))()


def _restore_with_file(path: Path, tile: int) -> None:
    load(path).runner(np.full((1, tile, tile, 3), 0.5, np.float32))
