"""Runs an exported .tflite file. Needs LiteRT only, not TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from egnet_tf.errors import InputError


class LiteRTRunner:
    """A `Runner` on a .tflite file with one signature: `image` -> `restored`.

    Both are (1, S, S, 3) with one fixed S, since devices want static shapes. They are
    float32 in [0, 1], or integers q that stand for scale * (q - zero_point), with
    scale and zero point from the file.

    Raises:
        InputError: not a .tflite file, or not with that signature.
    """

    bytes_per_pixel = 0.0

    def __init__(self, path: str | os.PathLike[str]):
        from ai_edge_litert.interpreter import Interpreter

        try:
            content = Path(path).read_bytes()
            self._interpreter = Interpreter(
                model_content=content, num_threads=os.cpu_count()
            )
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"Expected a .tflite file ({error}). Received: {path}"
            ) from error
        signatures = self._interpreter.get_signature_list()
        if [tuple(s.values()) for s in signatures.values()] != [
            (["image"], ["restored"])
        ]:
            raise InputError(
                f"Expected {path} to have one signature, image -> restored. "
                f"Received: {signatures}"
            )
        self._signature = self._interpreter.get_signature_runner(next(iter(signatures)))
        image = self._signature.get_input_details()["image"]
        batch, height, width, channels = image["shape"]
        scaled = image["dtype"] == np.float32 or image["quantization"][0] > 0
        if (batch, channels) != (1, 3) or height != width or not scaled:
            raise InputError(
                f"Expected the image of {path} to be (1, S, S, 3), float32 or "
                f"quantised. Received: {image['dtype'].__name__} "
                f"{tuple(image['shape'].tolist())}"
            )
        self._image = image
        self._restored = self._signature.get_output_details()["restored"]
        self.tile = self.size_multiple = int(height)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3) float32 in [0, 1]; same shape, not clipped."""
        # Concatenating copies: LiteRT's output is a view that the next call overwrites.
        return np.concatenate([self._restore(image[None]) for image in batch])

    def _restore(self, image: np.ndarray) -> np.ndarray:
        quantised = _quantise(image, self._image)
        restored = self._signature(image=quantised)["restored"]
        return _dequantise(restored, self._restored)


def _quantise(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """Quantises to the tensor's scale and zero point, if it has integers."""
    if tensor["dtype"] == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    limits = np.iinfo(tensor["dtype"])
    integers = np.rint(values / scale) + zero_point
    return np.clip(integers, limits.min, limits.max).astype(tensor["dtype"])


def _dequantise(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    if tensor["dtype"] == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    return np.float32(scale) * (values.astype(np.float32) - zero_point)
