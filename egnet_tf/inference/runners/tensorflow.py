"""Runs networks in TensorFlow: a keras.Model, or an exported SavedModel."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from egnet_tf.errors import InputError
from egnet_tf.inference import memory_estimate
from egnet_tf.layers.pooling import local_pooling
from egnet_tf.models import finest

_IMAGES = tf.TensorSpec((None, None, None, 3), tf.float32, name="image")


class KerasRunner:
    """A `Runner` on a network (B, H, W, 3) -> dict of stages; returns the finest.

    H and W are multiples of `size_multiple`. The network's global pools average over
    windows of `pooling_window` pixels a side; None is for the whole image
    (`layers.pooling`).
    """

    tile = None

    def __init__(
        self,
        network: keras.Model,
        size_multiple: int,
        pooling_window: int | None = None,
    ):
        self.size_multiple = size_multiple

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
        with _explain_out_of_memory(batch):
            return self._restore(tf.convert_to_tensor(batch)).numpy()

    @property
    def bytes_per_pixel(self) -> float:
        """Memory of a forward pass, in bytes for each pixel of the batch."""
        return memory_estimate.bytes_per_pixel(self._restore.get_concrete_function())


class SavedModelRunner:
    """A `Runner` on a SavedModel with a signature `image` -> `restored`.

    Both are float32 (B, H, W, 3); any H and W, or one fixed square size. The folder
    holds `saved_model.pb`.

    Raises:
        InputError: it is not a SavedModel, or has no such signature.
    """

    def __init__(
        self, folder: str | os.PathLike[str], signature: str = "serving_default"
    ):
        try:
            loaded = tf.saved_model.load(os.fspath(folder))
        except Exception as error:  # Damaged files raise those of several libraries.
            raise InputError(
                f"Expected a SavedModel ({error}). Received: {folder}"
            ) from error
        self._loaded = loaded  # Owns the signature's weights.
        self._restore = loaded.signatures.get(signature)
        inputs, outputs = {}, {}
        if self._restore is not None:
            inputs = self._restore.structured_input_signature[1]
            outputs = self._restore.structured_outputs
        if (set(inputs), set(outputs)) != ({"image"}, {"restored"}):
            raise InputError(
                f"Expected {folder} to have the signature {signature}, image -> "
                f"restored. Received: {inputs} -> {outputs}"
            )
        _, height, width, _ = inputs["image"].shape
        if height != width:
            raise InputError(
                f"Expected the image of {folder} to be of any size or square. "
                f"Received: {inputs['image'].shape}"
            )
        self.tile, self.size_multiple = height, height or 1

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3) float32 in [0, 1]; same shape, not clipped."""
        with _explain_out_of_memory(batch):
            return self._restore(image=tf.convert_to_tensor(batch))["restored"].numpy()

    @property
    def bytes_per_pixel(self) -> float:
        """Memory of a forward pass, in bytes for each pixel of the batch."""
        # A loaded graph is a single call; freezing inlines it.
        return memory_estimate.bytes_per_pixel(
            convert_variables_to_constants_v2(self._restore)
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
