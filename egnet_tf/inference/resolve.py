"""From what a person names to a Restorer."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from egnet_tf.errors import InputError
from egnet_tf.inference.restorer import Restorer
from egnet_tf.inference.runners.base import Runner

_POOLING_WINDOW = 1.5
"""Side of the local pooling's window in training crops (Chu et al., ECCV 2022)."""


def load(
    model: str | os.PathLike,
    *,
    branches: Sequence[str] | None = None,
    tile: int | None = None,
    overlap: int | None = None,
    memory_limit: int | None = None,
    local_pooling: bool = False,
) -> Restorer:
    """Loads trained weights, ready to restore.

        restorer = egnet_tf.load("runs/quickstart")
        restored = restorer(photo)

    Args:
        model: a run's folder, a SavedModel's folder (of one version, or of all: the
            newest is taken), a .tflite or .onnx file, or the name of a variant whose
            weights come with the package.
        branches: of the self-ensemble (names from `inference.branches.BRANCHES`). By
            default all that the model's trained ensemble fuses, if it has one. Other
            branches are averaged.
        tile: see `Restorer`.
        overlap: see `Restorer`.
        memory_limit: see `Restorer`.
        local_pooling: take the means of channel attention over windows of 1.5 times
            the training crop, as the network knew them in training, not over the
            image (TLC). Not for exported models.

    Raises:
        InputError: no such model, a damaged one, or options it does not have.
    """
    sizes = {"tile": tile, "overlap": overlap, "memory_limit": memory_limit}
    path = Path(model)
    exported = _exported(path)
    if exported is not None:
        if local_pooling:
            raise InputError(
                "Expected a run or a variant with local pooling: an exported model's "
                f"pools are fixed. Received: {path}"
            )
        return Restorer(exported(), branches=branches, **sizes)

    # Imported here, so that .tflite files need no TensorFlow.
    from egnet_tf import models
    from egnet_tf.inference.runners.tensorflow import KerasRunner

    loaded = models.load(_weights_folder(path))
    runner = KerasRunner(
        loaded.network,
        loaded.size_multiple,
        pooling_window=round(_POOLING_WINDOW * loaded.crop) if local_pooling else None,
    )
    branches = tuple(branches or loaded.branches) or None
    ensemble = loaded.ensemble if branches == loaded.branches else None
    return Restorer(runner, ensemble=ensemble, branches=branches, **sizes)


def _exported(path: Path) -> Callable[[], Runner] | None:
    """What opens an exported model; None if the path is none."""
    # Imported one by one: each needs another library.
    if path.suffix in (".tflite", ".onnx"):
        if not path.is_file():
            raise InputError(f"Expected a {path.suffix} file. Received: {path}")
        if path.suffix == ".onnx":
            from egnet_tf.inference.runners.onnx import OnnxRunner

            return lambda: OnnxRunner(path)
        from egnet_tf.inference.runners.litert import LiteRTRunner

        return lambda: LiteRTRunner(path)
    versions = [file.parent for file in path.glob("[0-9]*/saved_model.pb")]
    numbered = [folder for folder in versions if folder.name.isdecimal()]
    newest = max(numbered, key=lambda folder: int(folder.name), default=path)
    if not (newest / "saved_model.pb").is_file():
        return None
    from egnet_tf.inference.runners.tensorflow import SavedModelRunner

    return lambda: SavedModelRunner(newest)


def _weights_folder(path: Path) -> Path:
    from egnet_tf import models

    if (path / "weights").is_dir():
        return path / "weights"
    if path.exists():
        raise InputError(
            "Expected a run (a folder with weights/), a SavedModel (saved_model.pb), a "
            f".tflite or .onnx file, or the name of a variant. Received: {path}"
        )
    if len(path.parts) > 1:
        raise InputError(
            f"Expected a model: there is no such file or folder. Received: {path}"
        )
    return models.shipped(str(path))
