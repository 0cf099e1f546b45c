"""Runs an exported .tflite file. Needs LiteRT only, not TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from egnet_tf.errors import InputError


class LiteRTRunner:
    """A `Runner` on a .tflite file with one signature: `image` -> `restored`.

    Both are float32 (1, S, S, 3) with one fixed S: devices want static shapes.

    Args:
        path: the .tflite file.

    Raises:
        InputError: not a .tflite file, or not with that signature.
    """

    bytes_per_pixel = 0.0

    def __init__(self, path: str | os.PathLike):
        from ai_edge_litert.interpreter import Interpreter

        try:
            content = Path(path).read_bytes()
            self._interpreter = Interpreter(
                model_content=content, num_threads=os.cpu_count()
            )
        except ValueError as error:
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
        if (batch, channels, image["dtype"]) != (1, 3, np.float32) or height != width:
            raise InputError(
                f"Expected the image of {path} to be float32 (1, S, S, 3). "
                f"Received: {image['dtype'].__name__} {tuple(image['shape'].tolist())}"
            )
        self.tile = self.size_multiple = int(height)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3) float32 in [0, 1]; same shape, not clipped."""
        # Copied: LiteRT's output is a view that the next call overwrites.
        return np.concatenate(
            [self._signature(image=image[None])["restored"] for image in batch]
        )
