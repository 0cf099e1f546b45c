"""The graph for devices, which restores one tile of fixed size."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from egnet_tf import models
from egnet_tf.errors import InputError
from egnet_tf.inference.branches import branch_images, shrinkage
from egnet_tf.layers.pooling import staged_pooling

from ..checks.source import Source
from .frozen import frozen


def tile_graph(source: Source, tile: int) -> Any:
    """Makes the function that restores one tile, with the branches of the source fused.

    The patches of the hierarchy are kept apart (batch size 1, static slices) and
    position attention sees all queries at once, because devices run neither batches
    nor loops well.

    Returns:
        What `frozen` returns: float32 (1, tile, tile, 3) in [0, 1] -> [restored], of
        the same shape, clipped to [0, 1].

    Raises:
        InputError: the network does not take such a tile.
    """
    loaded, branches = source.loaded, source.branches
    multiple = loaded.size_multiple * shrinkage(branches)
    if tile <= 0 or tile % multiple:
        raise InputError(
            f"Expected a tile that is a multiple of {multiple}. Received: {tile}"
        )
    network = device_network(loaded)
    image = keras.Input((tile, tile, 3), batch_size=1, name="image")
    restored = _RestoreTile(network, source, name="restored")(image)
    model = keras.Model(image, {"restored": restored}, name="tile")
    return frozen(
        lambda image: model(image)["restored"], tf.TensorSpec((1, tile, tile, 3))
    )


def device_network(loaded: models.LoadedModel) -> keras.Model:
    """The network as devices run it, with the same weights."""
    network = models.build(
        loaded.variant,
        stack_patches=False,
        attention_block=None,
        unfold_transposed=True,
    )
    models.transfer_weights(loaded.network, network)
    return network


class _RestoreTile(keras.layers.Layer):
    def __init__(self, network, source, **kwargs):
        super().__init__(**kwargs)
        self.network, self.ensemble = network, source.ensemble
        self.branches = source.branches
        self.size_multiple = source.loaded.size_multiple

    def call(self, image):
        with staged_pooling():
            images = branch_images(
                self._restore_each,
                image,
                self.branches,
                size_multiple=self.size_multiple,
            )
        if self.ensemble is None:
            restored = tf.add_n(images) / len(images)
        else:
            restored = self.ensemble(images)
        return tf.clip_by_value(restored, 0.0, 1.0)

    def _restore_each(self, stack):
        parts = tf.split(stack, stack.shape[0]) if stack.shape[0] > 1 else [stack]
        restored = [models.finest(self.network(p, training=False)) for p in parts]
        return tf.concat(restored, axis=0) if len(restored) > 1 else restored[0]

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)
