"""Runs an exported .tflite file. Needs LiteRT only, not TensorFlow."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from egnet_tf.errors import InputError
from egnet_tf.inference.runners.base import check_restores
from egnet_tf.trial import one_line

_TYPES = (np.float32, np.int8, np.uint8, np.int16)
_LARGEST_TILE = 8192

_COPY_BYTES_PER_PIXEL = 640
"""Memory of an open file for each pixel of its tile, measured as the growth of resident
memory by a further egnet_mobile_float16.tflite, weights included."""


class LiteRTRunner:
    """A `Runner` on a .tflite file with one signature: `image` -> `restored`.

    Both are (1, S, S, 3) with one fixed S, since devices want static shapes. They are
    float32 in [0, 1], or integers q that stand for scale * (q - zero_point), with
    scale and zero point from the file. LiteRT trusts what it opens: a file of unknown
    origin is for `try_litert` first, in a process of its own. It takes all cores
    unless `threads` says how many.

    Raises:
        InputError: not a .tflite file, or not with that signature.
    """

    bytes_per_pixel = 0.0

    def __init__(self, path: str | os.PathLike[str], threads: int | None = None):
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ModuleNotFoundError:
            raise InputError(
                "Expected ai-edge-litert for .tflite files, which is part of every "
                f"installation but on Intel Macs. Received: {path}"
            ) from None

        self._path = os.fspath(path)
        try:
            content = Path(path).read_bytes()
            self._interpreter = Interpreter(
                model_content=content, num_threads=threads or os.cpu_count()
            )
            self._interpreter.allocate_tensors()
            signatures = self._interpreter.get_signature_list()
        except OSError:
            raise
        except Exception as error:  # Damaged files raise whatever LiteRT meets first.
            raise InputError(
                f"Expected a .tflite file ({one_line(error)}). Received: {path}"
            ) from error
        if [tuple(s.values()) for s in signatures.values()] != [
            (["image"], ["restored"])
        ]:
            raise InputError(
                f"Expected {path} to have one signature, image -> restored. "
                f"Received: {signatures!s:.200}"
            )
        self._signature = self._interpreter.get_signature_runner(next(iter(signatures)))
        self._image = self._signature.get_input_details()["image"]
        self._restored = self._signature.get_output_details()["restored"]
        for name, tensor in (("image", self._image), ("restored", self._restored)):
            if not _fits(tensor):
                raise InputError(
                    f"Expected the {name} of {path} to be (1, S, S, 3), float32 or "
                    f"quantised. Received: {np.dtype(tensor['dtype']).name} "
                    f"{tuple(tensor['shape'].tolist())}"
                )
        if (self._image["shape"] != self._restored["shape"]).any():
            raise InputError(
                f"Expected {path} to keep the size of an image. "
                f"Received: {self._image['shape']} -> {self._restored['shape']}"
            )
        self.tile = self.size_multiple = int(self._image["shape"][1])

    @property
    def device(self) -> str:
        """What it runs on and by which library."""
        return f"CPU, {litert_version()}"

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3) float32 in [0, 1]; same shape, not clipped."""
        # Concatenating copies: LiteRT's output is a view that the next call overwrites.
        return np.concatenate([self._restore(image[None]) for image in batch])

    def _restore(self, image: np.ndarray) -> np.ndarray:
        return self._dequantised(self._run(self._quantised(image)))

    def _quantised(self, image: np.ndarray) -> np.ndarray:
        return _quantise(image, self._image)

    def _dequantised(self, restored: np.ndarray) -> np.ndarray:
        return _dequantise(restored, self._restored)

    def _run(self, tensor: np.ndarray) -> np.ndarray:
        """Runs the file on a tensor of its own type; a view of one like it."""
        try:
            restored = self._signature(image=tensor)["restored"]
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"Expected a .tflite file that runs ({one_line(error)}). "
                f"Received: {self._path}"
            ) from error
        if restored.shape != tensor.shape:
            raise InputError(
                f"Expected {self._path} to keep the shape {tensor.shape}. "
                f"Received: {restored.shape}"
            )
        return restored


def one_for_each_core(path: str | os.PathLike[str], memory: int) -> list[LiteRTRunner]:
    """Opens a file once for each core, or as often as fits into a quarter of `memory`.

    Side by side they take less time for many tiles than one of them on all cores.
    """
    cores = os.cpu_count() or 1
    runners = [LiteRTRunner(path, 1)]
    room = memory / 4 / (_COPY_BYTES_PER_PIXEL * runners[0].tile ** 2)
    count = min(cores, max(int(room), 1))
    if count < cores:
        runners.clear()
    while len(runners) < count:
        runners.append(LiteRTRunner(path, cores // count))
    return runners


def try_litert(path: str) -> None:
    """Opens a file and runs it once, for `egnet_tf.trial.try_out`.

    Raises:
        InputError: it cannot be used, or does not restore to finite numbers.
    """
    runner = LiteRTRunner(path)
    check_restores(runner, "a .tflite file", path)


def litert_version() -> str:
    """The name of the library with its version."""
    return f"LiteRT {metadata.version('ai-edge-litert')}"


def _fits(tensor: dict[str, Any]) -> bool:
    """Whether it is (1, S, S, 3), of numbers that can be converted."""
    shape = tensor["shape"].tolist()
    if len(shape) != 4 or not 0 < shape[1] <= _LARGEST_TILE:
        return False
    scale = tensor["quantization"][0]
    scaled = tensor["dtype"] == np.float32 or (np.isfinite(scale) and scale > 0)
    return shape == [1, shape[1], shape[1], 3] and tensor["dtype"] in _TYPES and scaled


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
