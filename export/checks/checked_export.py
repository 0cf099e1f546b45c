"""An exported file comes into place only once it has been run and found right."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import os
import platform
import shutil
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

import keras
import numpy as np

import egnet_tf
from egnet_tf import models
from egnet_tf.data import Pair
from egnet_tf.errors import InputError
from egnet_tf.inference import Restorer
from egnet_tf.inference.runners.tensorflow import KerasRunner
from export.checks.parity import Parity, Tolerance, measure
from export.checks.subprocess_run import RunError, run_fresh


class ToleranceError(InputError):
    """The file is further from the Keras model than its format may be."""


@dataclasses.dataclass(frozen=True)
class Source:
    """What is exported, and the photographs it is checked on.

    Attributes:
        model: as the person named it: a run's folder or a variant.
        loaded: its networks.
        branches: of the self-ensemble, fused inside the file; ("whole",) restores
            the image once.
        pairs: windows of photographs.
        photographs: where they come from, such as "samples, test".
    """

    model: str
    loaded: models.LoadedModel
    branches: tuple[str, ...]
    pairs: Sequence[Pair]
    photographs: str

    @property
    def name(self) -> str:
        """For the names of files."""
        return Path(self.model).resolve().name

    @property
    def ensemble(self) -> keras.Model | None:
        """The trained ensemble of these branches; without it they are averaged."""
        trained = self.branches == self.loaded.branches
        return self.loaded.ensemble if trained else None

    @functools.cached_property
    def restored_by_keras(self) -> list[np.ndarray]:
        """What the Keras model makes of the photographs, float32 in [0, 1]."""
        runner = KerasRunner(self.loaded.network, self.loaded.size_multiple)
        restorer = Restorer(
            runner, ensemble=self.ensemble, branches=self.branches, tile=0
        )
        return [restorer(_floats(pair)) for pair in self.pairs]


@dataclasses.dataclass(frozen=True)
class Export:
    """A file in its place.

    Attributes:
        path: of the file, or of the SavedModel's folder.
        kind: such as "tflite int8".
        size: in bytes, of all its files.
        parity: with the Keras model.
    """

    path: Path
    kind: str
    size: int
    parity: Parity


def write_checked(
    path: Path,
    kind: str,
    write: Callable[[Path], None],
    source: Source,
    tolerance: Tolerance,
    description: dict,
) -> Export:
    """Writes an export, runs it in a process of its own, and puts it into place.

    Beside the file comes `<file>.json`: what it was made from, how it is fed, how far
    it is from Keras, and its checksum. (In a SavedModel: beside `saved_model.pb`.)

    Args:
        path: where to; a file, or the folder of a SavedModel.
        kind: of file, for messages.
        write: writes it to a temporary path in the same folder.
        source: what it is made from.
        tolerance: what it may differ by.
        description: of input, output and conversion, for the JSON file.

    Raises:
        ToleranceError: it differs more; nothing is left behind.
        InputError: it cannot be run; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    note = temporary.with_name(f"{temporary.name}.json")
    try:
        write(temporary)
        parity = measure(
            source.pairs, source.restored_by_keras, _run(temporary, source, kind)
        )
        if broken := tolerance.broken_by(parity):
            raise ToleranceError(
                f"Expected {kind} of {source.name} to stay within {tolerance} on "
                f"{parity.photographs} photographs; nothing written. Received: {broken}"
            )
        main = temporary / "saved_model.pb" if temporary.is_dir() else temporary
        size = sum(f.stat().st_size for f in _files(temporary))
        text = json.dumps(
            {
                "kind": kind,
                "sha256": hashlib.sha256(main.read_bytes()).hexdigest(),
                "bytes": size,
                "source": _source(source),
                **description,
                "photographs": source.photographs,
                "tolerance": _finite(tolerance._asdict()),
                "parity": _finite(parity._asdict()),
                "versions": _versions(),
            },
            indent=2,
        )
        note = main.with_name(f"{main.name}.json")
        note.write_text(text + "\n")
        os.replace(temporary, path)
        if path.is_file():
            os.replace(note, path.with_name(f"{path.name}.json"))
    finally:
        note.unlink(missing_ok=True)
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)
    return Export(path, kind, size, parity)


def _run(file: Path, source: Source, kind: str) -> list[np.ndarray]:
    images = [_floats(pair)[None] for pair in source.pairs]
    try:
        return [restored[0] for restored in run_fresh(file, images)]
    except RunError as error:
        raise InputError(
            f"Expected {kind} of {source.name} to run in a process of its own; nothing "
            f"written. Received: {error}"
        ) from None


def _floats(pair: Pair) -> np.ndarray:
    return pair.blurry.astype(np.float32) / np.float32(255)


def _files(path: Path) -> list[Path]:
    return [f for f in path.rglob("*") if f.is_file()] if path.is_dir() else [path]


def _source(source: Source) -> dict:
    return {
        "model": source.model,
        "branches": list(source.branches),
        "variant": source.loaded.variant.to_json(),
    }


def _finite(values: dict) -> dict:
    # JSON knows no infinity.
    return {k: v if math.isfinite(v) else None for k, v in values.items()}


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "egnet-tf": egnet_tf.__version__}
    for package in ("tensorflow", "keras", "ai-edge-litert", "tf2onnx", "onnxruntime"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
