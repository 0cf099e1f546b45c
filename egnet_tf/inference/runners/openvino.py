"""Runs an OpenVINO model. Needs openvino (extra `openvino`), not TensorFlow."""

from __future__ import annotations

import math
import os
from importlib import metadata

import numpy as np

from egnet_tf.errors import InputError, require
from egnet_tf.inference.runners.base import (
    Accelerator,
    check_kept,
    check_restores,
    is_nchw,
    warn_of_cpu,
)
from egnet_tf.trial import one_line

BYTES_PER_PIXEL = ("egnet", "bytes_per_pixel")
"""Path in the model's rt_info: memory of a forward pass in bytes for each pixel."""

_FEWEST_BYTES = 2 * 3 * 4
"""Of a pixel of the image and the restored one, both float32."""

_LARGEST_TILE = 8192

_SETTINGS = {
    "PERFORMANCE_HINT": "LATENCY",
    # On CPUs with bfloat16, it would be computed in by default.
    "INFERENCE_PRECISION_HINT": "f32",
}


class OpenVINORunner:
    """A `Runner` on an OpenVINO model (.xml) with one input and one output.

    They are `image` and `restored`, float32 (B, H, W, 3) or, where the file says so,
    (B, 3, H, W), of any size, or with B = 1 and one fixed H = W. The weights are in the
    file of the same name that ends in .bin. A model of unknown origin is for
    `try_openvino` first, in a process of its own.

    Args:
        path: of the .xml file.
        device: "CPU", "GPU" or "NPU".

    Raises:
        InputError: openvino is not installed, or the file is not such a one.
    """

    def __init__(self, path: str | os.PathLike[str], device: str = "CPU"):
        require("openvino")
        import openvino

        self._path = os.fspath(path)
        try:
            core = openvino.Core()
            self._model = core.read_model(self._path)
            ports = self._model.inputs, self._model.outputs
            names = [[sorted(port.get_names()) for port in side] for side in ports]
            shape = [
                dimension.get_length() if dimension.is_static else None
                for port in ports[0][:1]
                for dimension in port.get_partial_shape()
            ]
            types = [port.get_element_type().to_string() for p in ports for port in p]
        except Exception as error:  # Damaged files raise those of several libraries.
            raise self._refused(error) from error
        # A tensor may have several names.
        if [len(s) for s in names] != [1, 1] or not (
            "image" in names[0][0] and "restored" in names[1][0]
        ):
            raise InputError(
                f"Expected {path} to map image to restored. Received: {names!s:.200}"
            )
        self._nchw = is_nchw(shape)
        sides = shape[2:] if self._nchw else shape[1:3]
        channels = shape[1] if self._nchw else (shape or [None])[-1]
        tile = sides[0] if sides else None
        square = sides == [tile] * 2 and (tile is None or 0 < tile <= _LARGEST_TILE)
        if types != ["f32", "f32"] or len(shape) != 4 or channels != 3 or not square:
            raise InputError(
                f"Expected the image of {path} to be float32, of any size or square. "
                f"Received: {types[0]} {shape!s:.100}"
            )
        self.tile: int | None = tile
        self.size_multiple: int = tile or 1
        try:
            self._compiled = core.compile_model(self._model, device, _SETTINGS)
        except Exception as error:
            raise self._refused(error) from error

    @property
    def device(self) -> str:
        """What it runs on and by which library."""
        devices = self._compiled.get_property("EXECUTION_DEVICES")
        return f"{', '.join(devices)}, OpenVINO {metadata.version('openvino')}"

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3) float32 in [0, 1]; same shape, not clipped."""
        image = np.moveaxis(batch, 3, 1) if self._nchw else batch
        try:
            results = self._compiled({"image": np.ascontiguousarray(image)})
            # OpenVINO's output is a view that the next call overwrites.
            restored = np.array(results["restored"])
        except Exception as error:
            raise InputError(
                f"Expected an OpenVINO model that runs ({one_line(error)}). "
                f"Received: {self._path}"
            ) from error
        check_kept(image, restored, self._path)
        return np.moveaxis(restored, 1, 3) if self._nchw else restored

    @property
    def bytes_per_pixel(self) -> float:
        """Memory of a forward pass, in bytes for each pixel of the batch."""
        if not self._model.has_rt_info(list(BYTES_PER_PIXEL)):
            raise InputError(
                "Expected a model that python -m export.openvino wrote, or --tile: "
                "this one does not say how much memory it takes. "
                f"Received: {self._path}"
            )
        text = str(self._model.get_rt_info(list(BYTES_PER_PIXEL)).value)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not _FEWEST_BYTES <= value < math.inf:
            raise InputError(
                f"Expected {'/'.join(BYTES_PER_PIXEL)} in the rt_info of {self._path}, "
                f"a number of at least {_FEWEST_BYTES}. Received: {text:.60}"
            )
        return value

    def _refused(self, error: Exception) -> InputError:
        return InputError(
            f"Expected an OpenVINO model ({one_line(error)}). Received: {self._path}"
        )


def open_openvino(
    path: str | os.PathLike[str], accelerator: Accelerator
) -> OpenVINORunner:
    """Opens a model on an accelerator, or, where there is none, on the CPU.

    Raises:
        InputError: see `OpenVINORunner`.
    """
    if accelerator in ("gpu", "npu"):
        require("openvino")
        import openvino

        device = accelerator.upper()
        # They are numbered where there are several.
        if any(d.split(".")[0] == device for d in openvino.Core().available_devices):
            return OpenVINORunner(path, device)
        warn_of_cpu(path, accelerator, f"OpenVINO finds no {device}")
    return OpenVINORunner(path)


def try_openvino(path: str) -> None:
    """Opens a model and runs it once, for `egnet_tf.trial.try_out`.

    Raises:
        InputError: it cannot be used, or does not restore to finite numbers.
    """
    runner = OpenVINORunner(path)
    check_restores(runner, "an OpenVINO model", path)
