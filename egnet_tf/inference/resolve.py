"""Resolves `--model`: to a `ModelSource` (what it is), or to a `Restorer`."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from egnet_tf.errors import InputError, require
from egnet_tf.files import read_json
from egnet_tf.hub import download, is_address
from egnet_tf.inference.branches import Fusion, chosen_fusion
from egnet_tf.inference.devices import parse_devices
from egnet_tf.inference.runners.base import Accelerator, warn_of_cpu
from egnet_tf.models import Variant, read_variant
from egnet_tf.models.weights import read_branches
from egnet_tf.trial import try_out

if TYPE_CHECKING:
    from egnet_tf.inference.restorer import Restorer
    from egnet_tf.inference.runners.base import Runner

_SHIPPED = Path(__file__).parents[1] / "weights"

OPENVINO_MODEL = "openvino_model.xml"
"""What `export.openvino` names the graph; its weights are in openvino_model.bin. So
does Hugging Face's Optimum."""

_POOLING_WINDOW = 1.5
"""Side of the local pooling's window in training crops (Chu et al., ECCV 2022)."""


@dataclass(frozen=True)
class ModelSource:
    """A trained model on the disk.

    Attributes:
        kind: "run" (a training run), "shipped" (a variant whose weights come with the
            package), "saved_model", "tflite", "onnx" or "openvino".
        path: the folder of weights of a run or a shipped variant, the folder that
            holds saved_model.pb, or the file (of OpenVINO, the .xml).
    """

    kind: Literal["run", "shipped", "saved_model", "tflite", "onnx", "openvino"]
    path: Path

    @property
    def exported(self) -> bool:
        """Whether the network is fixed in a file, without a variant to rebuild."""
        return self.kind not in ("run", "shipped")

    def weights(self) -> Path:
        """Returns the folder of weights (`models.load`).

        Raises:
            InputError: the model is an exported one.
        """
        if self.exported:
            raise InputError(
                "Expected a run or a variant whose weights come with the package "
                f"({', '.join(_shipped_names())}). Received: an exported model, "
                f"{self.path}"
            )
        return self.path

    def files(self) -> list[Path]:
        """Returns the files that the model consists of, sorted."""
        if self.kind == "openvino":
            return [self.path.with_suffix(".bin"), self.path]
        if self.path.is_file():
            return [self.path]
        return sorted(file for file in self.path.rglob("*") if file.is_file())

    def digest(self) -> str:
        """Returns the SHA-256 of these files, with their places below `path`."""
        digest = hashlib.sha256()
        for file in self.files():
            digest.update(os.fsencode(os.path.relpath(file, self.path)) + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()


def resolve(model: str | os.PathLike[str]) -> ModelSource:
    """Finds out what a model is, without loading a library that runs it.

    Args:
        model: a run's folder, a SavedModel's folder (of one version, or of all: the
            newest is taken), a .tflite, .onnx or OpenVINO .xml file, a folder that
            `export.openvino` wrote, the address of a run or a .tflite file on the
            Hugging Face hub (`egnet_tf.hub`), or the name of a variant whose weights
            come with the package. A file or folder goes before a variant.

    Raises:
        InputError: there is no such model, or it is seen at once to be damaged.
    """
    if not os.fspath(model):
        raise InputError("Expected a model. Received: nothing")
    if is_address(model):
        path = download(os.fspath(model))
    else:
        path = Path(os.path.expanduser(model))
    if (path / "weights").is_dir():
        return ModelSource("run", _checked_weights(path / "weights"))
    if path.suffix == ".tflite" and path.is_file():
        with open(path, "rb") as file:
            if file.read(8)[4:] != b"TFL3":
                raise InputError(f"Expected a .tflite file. Received: {path}")
        return ModelSource("tflite", path)
    if path.suffix == ".onnx" and path.is_file():
        return ModelSource("onnx", path)
    graph = path if path.suffix == ".xml" else path / OPENVINO_MODEL
    if graph.is_file():
        if not graph.with_suffix(".bin").is_file():
            raise InputError(
                f"Expected the weights of {graph} beside it. Received: no file "
                f"{graph.with_suffix('.bin').name}"
            )
        return ModelSource("openvino", graph)
    versions = [file.parent for file in path.glob("[0-9]*/saved_model.pb")]
    numbered = [folder for folder in versions if folder.name.isdecimal()]
    newest = max(numbered, key=lambda folder: int(folder.name), default=path)
    if (newest / "saved_model.pb").is_file():
        return ModelSource("saved_model", newest)
    if path.exists():
        raise InputError(
            "Expected a run (a folder with weights/), a SavedModel (a folder with "
            "saved_model.pb), a .tflite or .onnx file, an OpenVINO model (.xml), or a "
            f"variant whose weights come with the package "
            f"({', '.join(_shipped_names())}). Received: {path}"
        )
    if os.fspath(model) in _shipped_names():
        return ModelSource("shipped", _checked_weights(_SHIPPED / model))
    raise InputError(
        "Expected a file or folder that exists, or a variant whose weights come with "
        f"the package ({', '.join(_shipped_names())}). Received: {model}"
    )


def installed_form(source: ModelSource) -> ModelSource:
    """Returns the form of a model that the installed libraries run.

    With LiteRT and without TensorFlow, weights are the one float16 .tflite file that
    lies with them, if there is one: those of a variant that comes with the package, or
    of a run from the hub. Every other model stays what it is.
    """
    found = importlib.util.find_spec
    if source.exported or found("tensorflow") or not found("ai_edge_litert"):
        return source
    folder = source.path if source.kind == "shipped" else source.path.parent
    files = list(folder.glob("*_float16.tflite"))
    return ModelSource("tflite", files[0]) if len(files) == 1 else source


def _own_tile(source: ModelSource) -> int | None:
    return read_variant(source.path).tile if source.kind == "shipped" else None


def _exported_tile(source: ModelSource) -> int:
    """The tile of the variant that an export of any size was made from, or 0.

    The JSON file that export/ writes beside it says which; it may be missing.
    """
    name = "saved_model.pb" if source.path.is_dir() else source.path.name
    folder = source.path if source.path.is_dir() else source.path.parent
    try:
        note = read_json(folder / f"{name}.json")
        return Variant.from_json(note["source"]["variant"]).tile
    except (InputError, KeyError, TypeError):
        return 0


def fusion_of(
    source: ModelSource, branches: Sequence[str] | None, fuse: str | None
) -> Fusion:
    """Decides what a model fuses, and how, without loading it: see `chosen_fusion`.

    Raises:
        InputError: the model cannot fuse so.
    """
    trained = () if source.exported else read_branches(source.path)
    return chosen_fusion(branches, trained, fuse)


def load(
    model: str | os.PathLike[str],
    *,
    branches: Sequence[str] | None = None,
    fuse: str | None = None,
    tile: int | None = None,
    overlap: int | None = None,
    memory_limit: int | None = None,
    local_pooling: bool = False,
    accelerator: Accelerator = "auto",
    devices: str | None = None,
) -> Restorer:
    """Loads trained weights, ready to restore.

        restorer = egnet_tf.load("runs/quickstart")
        restored = restorer(photo)

    Args:
        model: see `resolve`. Of a variant that comes with the package, the Keras
            weights are taken where TensorFlow is installed, else its float16 .tflite
            file. Both restore in the same tiles; numbers in [0, 1] agree within 1e-3.
        branches: of the self-ensemble, a set of names (`inference.branches`). By
            default those that the model's trained ensemble fuses, if it has one.
        fuse: "trained" fuses them by the model's trained ensemble, "mean" averages
            them. By default the ensemble does if it was trained for these branches.
        tile: see `Restorer`; by default the tile of the model's variant.
        overlap: see `Restorer`.
        memory_limit: see `Restorer`.
        local_pooling: take the means of channel attention over windows of 1.5 times
            the training crop, as the network knew them in training, not over the
            image (TLC). Not for exported models.
        accelerator: what it runs on. "auto" leaves it to the library: TensorFlow takes
            a GPU if it finds one, LiteRT (.tflite) a GPU in hardware that agrees with
            the CPU and is faster, OpenVINO and ONNX Runtime the CPU. Where "gpu" or
            "npu" cannot be used, a warning says why, and it is the CPU;
            `restorer.runner.device` says what it is.
        devices: for many photos or large ones, where there are several devices: "all",
            or their numbers, such as "0,1". The model is loaded once on each of
            TensorFlow's GPUs, or of its CPUs where there is no GPU; tiles are divided
            among them, and several threads may call the restorer. Of a .tflite file on
            the CPU, there is a copy for each core, whatever the numbers. By default
            TensorFlow's first device, and one copy on all cores.

    Raises:
        InputError: no such model, a damaged one, options or devices it does not have,
            or an extra of the package is not installed.
    """
    if accelerator not in get_args(Accelerator):
        raise InputError(
            f"Expected an accelerator of {', '.join(get_args(Accelerator))}. "
            f"Received: {accelerator}"
        )
    if devices is not None:
        parse_devices(devices)
    source = resolve(model)
    if not (branches or fuse or local_pooling) and tile in (None, _own_tile(source)):
        source = installed_form(source)
    fusion = fusion_of(source, branches, fuse)
    if source.exported and local_pooling:
        raise InputError(
            "Expected a run or a variant with local pooling: an exported model's "
            f"pools are fixed. Received: {source.path}"
        )
    from egnet_tf.inference.restorer import Restorer, default_memory_limit

    def restorer(runner: Runner, model_tile: int, ensemble: Any = None) -> Restorer:
        return Restorer(
            runner,
            ensemble=ensemble,
            branches=fusion.branches or None,
            tile=tile,
            model_tile=model_tile,
            overlap=overlap,
            memory_limit=memory_limit,
            name=os.fspath(model),
        )

    restorers = []
    if source.exported:
        memory = memory_limit or default_memory_limit()
        tile_of_file = _exported_tile(source)
        for runner in _open(source, memory, accelerator, devices):
            restorers.append(restorer(runner, tile_of_file))
    else:
        require("tensorflow")
        # Imported here, so that exported models need no Keras.
        from egnet_tf import models
        from egnet_tf.inference.runners.tensorflow import KerasRunner

        for placement in _placements(source.path, accelerator, devices):
            with placement as device:
                loaded = models.load(source.path)
            window = round(_POOLING_WINDOW * loaded.crop) if local_pooling else None
            network = loaded.network, loaded.size_multiple, window
            runner = KerasRunner(*network, device)
            ensemble = loaded.ensemble if fusion.trained else None
            restorers.append(restorer(runner, loaded.variant.tile, ensemble))
            if devices is not None:
                _place_all(restorers[-1], device)
    return restorers[0].side_by_side(restorers[1:]) if devices else restorers[0]


def _placements(
    path: Path, accelerator: Accelerator, devices: str | None
) -> Sequence[contextlib.AbstractContextManager[str | None]]:
    from egnet_tf.inference.runners.tensorflow import chosen_devices, on_device

    if devices is None:
        return [on_device(accelerator, path)]
    return chosen_devices(devices, accelerator, path)


def _place_all(restorer: Restorer, device: str | None) -> None:
    """Puts the fusing of branches on the device, too."""
    from egnet_tf.inference.runners.tensorflow import PlacedRunner

    if device is not None:
        restorer.runner = PlacedRunner(restorer.runner, device)


def _open(
    source: ModelSource, memory: int, accelerator: Accelerator, devices: str | None
) -> Sequence[Runner]:
    """Opens an exported model, after a trial in a process of its own.

    Damaged or hostile files make the libraries crash, hang and take all memory; those
    that come with the package are known to be sound.
    """
    shipped = _SHIPPED.resolve() in source.path.resolve().parents
    # Imported one by one: each needs another library.
    if source.kind == "tflite":
        from egnet_tf.inference.runners.accelerated import open_litert
        from egnet_tf.inference.runners.litert import (
            LiteRTRunner,
            one_for_each_core,
            try_litert,
        )

        if not shipped:
            try_out(try_litert, source.path, memory=memory)
        runner = open_litert(source.path, accelerator)
        if devices is None or type(runner) is not LiteRTRunner:
            return [runner]
        del runner  # Its memory is for the copies.
        return one_for_each_core(source.path, memory)
    if source.kind == "onnx":
        from egnet_tf.inference.runners.onnx import OnnxRunner, try_onnx

        try_out(try_onnx, source.path, memory=memory)
        if accelerator in ("gpu", "npu"):
            warn_of_cpu(source.path, accelerator, "ONNX Runtime is run on the CPU")
        return [OnnxRunner(source.path)]
    if source.kind == "openvino":
        from egnet_tf.inference.runners.openvino import open_openvino, try_openvino

        try_out(try_openvino, source.path, memory=memory)
        return [open_openvino(source.path, accelerator)]
    require("tensorflow")
    from egnet_tf.inference.runners.tensorflow import SavedModelRunner, try_saved_model

    # Importing TensorFlow once more takes seconds.
    if not _as_described(source.path / "saved_model.pb"):
        try_out(try_saved_model, source.path, memory=memory)
    runners = []
    for placement in _placements(source.path, accelerator, devices):
        with placement as device:
            runners.append(SavedModelRunner(source.path, device=device))
    return runners


def _as_described(file: Path) -> bool:
    """Whether a file is what its export wrote, by the checksum in <file>.json."""
    try:
        expected = read_json(file.with_name(f"{file.name}.json")).get("sha256")
        return hashlib.sha256(file.read_bytes()).hexdigest() == expected
    except (InputError, OSError):
        return False


def _checked_weights(folder: Path) -> Path:
    read_json(folder / "model.json")
    network = folder / "network.weights.h5"
    if not network.is_file():
        raise InputError(f"Expected the network's weights. Received: no file {network}")
    return folder


def _shipped_names() -> list[str]:
    return sorted(path.parent.name for path in _SHIPPED.glob("*/model.json"))
