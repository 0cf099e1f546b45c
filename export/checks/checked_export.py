"""Exports are written atomically, after a check that they run and restore as Keras."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np

import egnet_tf
from egnet_tf.errors import InputError
from egnet_tf.files import replacing, write_json
from egnet_tf.images.convert import to_float

from .parity import Parity, Tolerance, measure
from .source import Source
from .subprocess_run import RunError, run_in_subprocess


class ToleranceError(InputError):
    """The file differs more from the Keras model than its format may."""


@dataclasses.dataclass(frozen=True)
class Export:
    """A file that was checked and written.

    Attributes:
        path: of the file, or of the folder.
        kind: such as "tflite int8".
        size: in bytes, of all its files.
        parity: with the Keras model.
    """

    path: Path
    kind: str
    size: int
    parity: Parity


def image_description(
    batch: int | str | None,
    height: int | str | None,
    width: int | str | None,
    dtype: str = "float32",
    layout: str = "NHWC",
) -> dict:
    """Describes an image input or output for the JSON file beside an export.

    The layout is "NHWC" or "NCHW".
    """
    sides = {"N": batch, "H": height, "W": width, "C": 3}
    return {
        "shape": [sides[axis] for axis in layout],
        "layout": layout,
        "colours": "RGB, sRGB encoding",
        "dtype": dtype,
        "range": [0, 255] if dtype == "uint8" else [0, 1],
    }


def write_checked(
    path: Path,
    kind: str,
    write: Callable[[Path], object],
    source: Source,
    tolerance: Tolerance,
    description: dict,
    main_file: str = "saved_model.pb",
    further: Callable[[Path], dict] | None = None,
) -> Export:
    """Writes an export, runs it in a process of its own, and moves it into place.

    `<file>.json` (in a folder: `<main file>.json`) says what the file was made
    from, how it is fed, how far it is from Keras, and its checksum.

    Args:
        path: the file to write, or the folder.
        kind: of file, for messages.
        write: writes it to a temporary path in the same folder.
        source: what it is made from.
        tolerance: how much it may differ from the Keras model.
        description: of input, output and conversion, for the JSON file.
        main_file: of a folder, the file whose checksum is recorded.
        further: a check of the written file; what it returns is for the JSON file too.

    Raises:
        ToleranceError: it differs more; nothing is left behind.
        InputError: it cannot be run, or fails the further check; nothing is left
            behind.
    """
    with replacing(path) as temporary:
        write(temporary)
        parity = measure(
            source.pairs, source.restored_by_keras, _run(temporary, source, kind)
        )
        if broken := tolerance.broken_by(parity):
            raise ToleranceError(
                f"Expected {kind} of {source.name} to stay within {tolerance} on "
                f"{parity.photographs} images; nothing written. Received: {broken}"
            )
        checked = further(temporary) if further else {}
        main, note = temporary, path.with_name(f"{path.name}.json")
        files = [temporary]
        if temporary.is_dir():
            main, note = (temporary / f"{main_file}{end}" for end in ("", ".json"))
            files = [file for file in temporary.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        write_json(
            note,
            {
                "kind": kind,
                "sha256": hashlib.sha256(main.read_bytes()).hexdigest(),
                "bytes": size,
                "source": {
                    "model": source.model,
                    "branches": list(source.branches),
                    "fused": "trained" if source.ensemble is not None else "mean",
                    "variant": source.loaded.variant.to_json(),
                },
                **description,
                "photographs": source.dataset,
                "tolerance": _finite(tolerance._asdict()),
                "parity": _finite(parity._asdict()),
                **checked,
                "versions": _versions(),
            },
        )
    return Export(path, kind, size, parity)


def _run(file: Path, source: Source, kind: str) -> list[np.ndarray]:
    images = [to_float(pair.blurry)[None] for pair in source.pairs]
    try:
        return [restored[0] for restored in run_in_subprocess(file, images)]
    except RunError as error:
        raise InputError(
            f"Expected {kind} of {source.name} to run in a process of its own; nothing "
            f"written. Received: {error}"
        ) from None


def _finite(values: dict) -> dict:
    # JSON knows no infinity.
    return {k: v if math.isfinite(v) else None for k, v in values.items()}


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "egnet-tf": egnet_tf.__version__}
    for package in (
        *("tensorflow", "keras", "ai-edge-litert"),
        *("tf2onnx", "onnxruntime", "openvino", "nncf"),
    ):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
