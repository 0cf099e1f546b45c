"""Runs an exported .onnx file. Needs onnxruntime (extra `onnx`), not TensorFlow."""

from __future__ import annotations

import math
import os
from importlib import metadata

import numpy as np

from egnet_tf.errors import InputError, require
from egnet_tf.inference.runners.base import check_kept, check_restores, is_nchw
from egnet_tf.trial import one_line

BYTES_PER_PIXEL = "bytes_per_pixel"
"""Key in the file's metadata: memory of a forward pass in bytes for each pixel."""

_FEWEST_BYTES = 2 * 3 * 4
"""Of a pixel of the image and the restored one, both float32."""

_LARGEST_TILE = 8192


class OnnxRunner:
    """A `Runner` on an .onnx file with one input `image` and one output `restored`.

    Both are float32 (B, H, W, 3) or, where the file says so, (B, 3, H, W), of any size,
    or with B = 1 and one fixed H = W. A file of unknown origin is for `try_onnx` first,
    in a process of its own.

    Raises:
        InputError: onnxruntime is not installed, or the file is not such a one.
    """

    def __init__(self, path: str | os.PathLike[str]):
        require("onnxruntime")
        import onnxruntime

        self._path = os.fspath(path)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # Its errors are raised: none is printed.
        try:
            self._session = onnxruntime.InferenceSession(
                self._path, options, providers=["CPUExecutionProvider"]
            )
            self._metadata = self._session.get_modelmeta().custom_metadata_map
            tensors = self._session.get_inputs(), self._session.get_outputs()
        except Exception as error:  # onnxruntime's exception classes are private.
            raise InputError(
                f"Expected an .onnx file ({one_line(error)}). Received: {path}"
            ) from error
        names = [[tensor.name for tensor in side] for side in tensors]
        if names != [["image"], ["restored"]]:
            raise InputError(
                f"Expected {path} to map image to restored. Received: {names!s:.200}"
            )
        image = tensors[0][0]
        self._nchw = is_nchw(image.shape)
        first = 2 if self._nchw else 1
        sides = image.shape[first : first + 2] if len(image.shape) == 4 else [0, 0]
        fixed = isinstance(sides[0], int)
        fits = sides[0] == sides[1] and 0 < sides[0] <= _LARGEST_TILE if fixed else True
        any_width = fixed or not isinstance(sides[1], int)
        if image.type != "tensor(float)" or not fits or not any_width:
            raise InputError(
                f"Expected the image of {path} to be float32, of any size or square. "
                f"Received: {image.type} {image.shape!s:.100}"
            )
        self.tile, self.size_multiple = (sides[0], sides[0]) if fixed else (None, 1)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3) float32 in [0, 1]; same shape, not clipped."""
        image = np.ascontiguousarray(np.moveaxis(batch, 3, 1)) if self._nchw else batch
        try:
            restored = np.asarray(self._session.run(["restored"], {"image": image})[0])
        except Exception as error:  # onnxruntime's exception classes are private.
            raise InputError(
                f"Expected an .onnx file that runs ({one_line(error)}). "
                f"Received: {self._path}"
            ) from error
        check_kept(image, restored, self._path)
        return np.moveaxis(restored, 1, 3) if self._nchw else restored

    @property
    def device(self) -> str:
        """What it runs on and by which library."""
        return f"CPU, ONNX Runtime {metadata.version('onnxruntime')}"

    @property
    def bytes_per_pixel(self) -> float:
        """Memory of a forward pass, in bytes for each pixel of the batch."""
        if BYTES_PER_PIXEL not in self._metadata:
            names = sorted(self._metadata) or "no metadata"
            raise InputError(
                "Expected an .onnx file that python -m export.onnx wrote, or --tile: "
                "this one does not say how much memory it takes. "
                f"Received: {names!s:.100}"
            )
        text = self._metadata[BYTES_PER_PIXEL]
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not _FEWEST_BYTES <= value < math.inf:
            raise InputError(
                f"Expected {BYTES_PER_PIXEL} in the metadata of {self._path}, a number "
                f"of at least {_FEWEST_BYTES}. Received: {text:.60}"
            )
        return value


def try_onnx(path: str) -> None:
    """Opens a file and runs it once, for `egnet_tf.trial.try_out`.

    Raises:
        InputError: it cannot be used, or does not restore to finite numbers.
    """
    runner = OnnxRunner(path)
    check_restores(runner, "an .onnx file", path)
