"""Runs networks in TensorFlow: a keras.Model, or an exported SavedModel."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from egnet_tf.errors import InputError
from egnet_tf.inference import memory_estimate
from egnet_tf.inference.devices import parse_devices
from egnet_tf.inference.runners.base import (
    Accelerator,
    Runner,
    check_restores,
    warn_of_cpu,
)
from egnet_tf.layers.pooling import local_pooling
from egnet_tf.models import finest
from egnet_tf.trial import one_line

_IMAGES = tf.TensorSpec((None, None, None, 3), tf.float32, name="image")


class KerasRunner:
    """A `Runner` on a network (B, H, W, 3) -> dict of stages; returns the finest.

    H and W are multiples of `size_multiple`. The network's global pools average over
    windows of `pooling_window` pixels a side; None is for the whole image
    (`layers.pooling`). A `device` is one of `on_device`.
    """

    tile = None

    def __init__(
        self,
        network: keras.Model,
        size_multiple: int,
        pooling_window: int | None = None,
        device: str | None = None,
    ):
        self.size_multiple = size_multiple
        self._device = device

        def restore(image: tf.Tensor) -> tf.Tensor:
            pooling = contextlib.nullcontext()
            if pooling_window is not None:
                pooling = local_pooling(pooling_window, image)
            with pooling:
                return finest(network(image, training=False))

        # Traced once, for all sizes and batches.
        self._restore = tf.function(restore, input_signature=[_IMAGES])

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3) float32 in [0, 1]; same shape, not clipped."""
        with _explain_out_of_memory(batch), _placed_on(self._device):
            return self._restore(tf.convert_to_tensor(batch)).numpy()

    @property
    def device(self) -> str:
        """What it runs on and by which library."""
        return _describe(self._device)

    @property
    def bytes_per_pixel(self) -> float:
        """Memory of a forward pass, in bytes for each pixel of the batch."""
        return memory_estimate.bytes_per_pixel(self._restore.get_concrete_function())


class SavedModelRunner:
    """A `Runner` on a SavedModel with a signature `image` -> `restored`.

    Both are float32 (B, H, W, 3); any H and W, or one fixed square size. The folder
    holds `saved_model.pb`. A `device` is one of `on_device`.

    Raises:
        InputError: it is not a SavedModel, or has no such signature.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        signature: str = "serving_default",
        device: str | None = None,
    ):
        self._path = os.fspath(folder)
        self._device = device
        try:
            loaded = tf.saved_model.load(self._path)
            restore = loaded.signatures.get(signature)
            inputs, outputs = {}, {}
            if restore is not None:
                inputs = restore.structured_input_signature[1]
                outputs = restore.structured_outputs
        except Exception as error:  # Damaged files raise those of several libraries.
            raise InputError(
                f"Expected a SavedModel ({one_line(error)}). Received: {folder}"
            ) from error
        self._loaded = loaded  # Owns the signature's weights.
        self._restore: Any = restore
        if (set(inputs), set(outputs)) != ({"image"}, {"restored"}):
            raise InputError(
                f"Expected {folder} to have the signature {signature}, image -> "
                f"restored. Received: {inputs!s:.200} -> {outputs!s:.200}"
            )
        image = inputs["image"]
        sides = image.shape[1:3].as_list() if image.shape.rank == 4 else (0, 1)
        if image.dtype != tf.float32 or sides[0] != sides[1] or sides[0] == 0:
            raise InputError(
                f"Expected the image of {folder} to be float32, of any size or square. "
                f"Received: {image.dtype.name} {image.shape}"
            )
        self.tile, self.size_multiple = sides[0], sides[0] or 1

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3) float32 in [0, 1]; same shape, not clipped."""
        placed = _placed_on(self._device)
        with _explain_out_of_memory(batch), self._explain(), placed:
            restored = self._restore(image=tf.convert_to_tensor(batch))["restored"]
            restored = restored.numpy()
        if (restored.shape, restored.dtype) != (batch.shape, np.float32):
            raise InputError(
                f"Expected {self._path} to keep the shape {batch.shape}, float32. "
                f"Received: {restored.shape}, {restored.dtype}"
            )
        return restored

    @property
    def device(self) -> str:
        """What it runs on and by which library."""
        return _describe(self._device)

    @property
    def bytes_per_pixel(self) -> float:
        """Memory of a forward pass, in bytes for each pixel of the batch."""
        with self._explain():
            # A loaded graph is a single call; freezing inlines it.
            return memory_estimate.bytes_per_pixel(
                convert_variables_to_constants_v2(self._restore)
            )

    @contextlib.contextmanager
    def _explain(self) -> Iterator[None]:
        try:
            yield
        except tf.errors.ResourceExhaustedError:
            raise
        except Exception as error:  # Of a graph that does not fit together.
            raise InputError(
                f"Expected a SavedModel that runs ({one_line(error)}). "
                f"Received: {self._path}"
            ) from error


@contextlib.contextmanager
def on_device(
    accelerator: Accelerator, path: str | os.PathLike[str]
) -> Iterator[str | None]:
    """Yields TensorFlow's name for a device, which variables made inside are put on.

    None leaves the choice to TensorFlow. The path is that of the model, for a warning
    where the accelerator cannot be used.
    """
    device = None
    if accelerator == "npu":
        warn_of_cpu(path, accelerator, "TensorFlow runs on CPUs and GPUs only")
    if accelerator == "gpu":
        device = "/GPU:0" if tf.config.list_logical_devices("GPU") else None
        if device is None:
            warn_of_cpu(path, accelerator, "TensorFlow finds none")
    if accelerator in ("cpu", "npu"):
        device = "/CPU:0"
    with _placed_on(device):
        yield device


def chosen_devices(
    devices: str, accelerator: Accelerator, path: str | os.PathLike[str]
) -> list[contextlib.AbstractContextManager[str | None]]:
    """Returns what is entered as `on_device` is, for each of several devices.

    Args:
        devices: see `egnet_tf.inference.devices`. Without a GPU, the CPU is 0.
        accelerator: "cpu" for CPUs though there are GPUs.
        path: as for `on_device`.

    Raises:
        InputError: there is no device of such a number.
    """
    found = [] if accelerator == "cpu" else tf.config.list_logical_devices("GPU")
    if accelerator in ("gpu", "npu") and not found:
        warn_of_cpu(path, accelerator, "TensorFlow finds none")
    found = found or tf.config.list_logical_devices("CPU")
    numbers = parse_devices(devices)
    if numbers is None:
        numbers = range(len(found))
    missing = [number for number in numbers if number >= len(found)]
    if missing:
        raise InputError(
            f"Expected --devices among {', '.join(map(str, range(len(found))))} "
            f"({found[0].device_type}). Received: {devices}"
        )
    return [_on_named(found[number].name) for number in numbers]


@contextlib.contextmanager
def _on_named(device: str) -> Iterator[str]:
    with tf.device(device):
        yield device


class PlacedRunner:
    """A `Runner` of which all, the fusing of branches too, is on one device."""

    def __init__(self, runner: Runner, device: str):
        self._runner, self._device = runner, device
        self.tile, self.size_multiple = runner.tile, runner.size_multiple

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3) float32 in [0, 1]; same shape, not clipped."""
        with tf.device(self._device):
            return self._runner(batch)

    @property
    def device(self) -> str:
        """What it runs on and by which library."""
        return self._runner.device

    @property
    def bytes_per_pixel(self) -> float:
        """Memory of a forward pass, in bytes for each pixel of the batch."""
        return self._runner.bytes_per_pixel


def _placed_on(device: str | None) -> contextlib.AbstractContextManager[object]:
    # tf.device(None) would undo an outer choice.
    return contextlib.nullcontext() if device is None else tf.device(device)


def _describe(device: str | None) -> str:
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus or (device and "CPU" in device):
        return f"CPU, TensorFlow {tf.__version__}"
    number = int((device or "0").rpartition(":")[2])
    gpu = gpus[min(number, len(gpus) - 1)]
    name = tf.config.experimental.get_device_details(gpu).get("device_name")
    return f"GPU ({name}), TensorFlow {tf.__version__}"


def try_saved_model(folder: str) -> None:
    """Opens a SavedModel and runs it once, for `egnet_tf.trial.try_out`.

    Raises:
        InputError: it cannot be used, or does not restore to finite numbers.
    """
    runner = SavedModelRunner(folder)
    check_restores(runner, "a SavedModel", folder)
    if runner.tile is None and not runner.bytes_per_pixel > 0:
        raise InputError(
            f"Expected a SavedModel whose memory can be estimated. Received: {folder}"
        )


@contextlib.contextmanager
def _explain_out_of_memory(batch: np.ndarray) -> Iterator[None]:
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise InputError(
            "Expected more memory for a forward pass: lower the memory limit or the "
            f"tile. Received: {batch.shape}"
        ) from error
