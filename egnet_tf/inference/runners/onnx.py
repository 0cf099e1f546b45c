"""Runs an exported .onnx file. Needs onnxruntime (extra `onnx`), not TensorFlow."""

from __future__ import annotations

import os

import numpy as np

from egnet_tf.errors import InputError, require

BYTES_PER_PIXEL = "bytes_per_pixel"
"""Key in the file's metadata: memory of a forward pass in bytes for each pixel."""


class OnnxRunner:
    """A `Runner` on an .onnx file with one input `image` and one output `restored`.

    Both are float32 (B, H, W, 3), of any size, or (1, S, S, 3) with one fixed S.

    Raises:
        InputError: onnxruntime is not installed, or the file is not such a one.
    """

    def __init__(self, path: str | os.PathLike[str]):
        require("onnxruntime")
        import onnxruntime

        try:
            self._session = onnxruntime.InferenceSession(
                os.fspath(path), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exception classes are private.
            raise InputError(
                f"Expected an .onnx file ({error}). Received: {path}"
            ) from error
        names = [
            [tensor.name for tensor in tensors]
            for tensors in (self._session.get_inputs(), self._session.get_outputs())
        ]
        if names != [["image"], ["restored"]]:
            raise InputError(
                f"Expected {path} to map image to restored. Received: {names}"
            )
        _, height, width, _ = self._session.get_inputs()[0].shape
        fixed = isinstance(height, int) and height == width
        self.tile, self.size_multiple = (height, height) if fixed else (None, 1)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3) float32 in [0, 1]; same shape, not clipped."""
        return np.asarray(self._session.run(["restored"], {"image": batch})[0])

    @property
    def bytes_per_pixel(self) -> float:
        """Memory of a forward pass, in bytes for each pixel of the batch."""
        metadata = self._session.get_modelmeta().custom_metadata_map
        if BYTES_PER_PIXEL not in metadata:
            raise InputError(
                "Expected an .onnx file that python -m export.onnx wrote, or --tile: "
                "this one does not say how much memory it takes. Received: "
                f"{sorted(metadata) or 'no metadata'}"
            )
        return float(metadata[BYTES_PER_PIXEL])
