"""The graph for servers, which restores images of any size."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from egnet_tf import models
from egnet_tf.inference.branches import branch_images, shrinkage

from ..checks.source import Source
from .frozen import frozen


def any_size_graph(source: Source) -> Any:
    """Makes the function that restores images of any size.

    Images are padded to a size that the network takes and cropped again inside, as
    `egnet_tf.inference.Restorer` does it: at the right and the bottom, by reflection
    (`1234 -> 1234 321`), repeatedly where an image is smaller than its padding.

    Returns:
        What `frozen` returns: float32 (B, H, W, 3) in [0, 1], any B, H and W of 1 and
        more -> [restored], of the same shape, clipped to [0, 1].
    """
    network, ensemble = source.loaded.network, source.ensemble
    multiple = size_multiple(source)

    def restore_branch(image: tf.Tensor) -> tf.Tensor:
        return models.finest(network(image, training=False))

    def restore(image: tf.Tensor) -> tf.Tensor:
        height, width = tf.unstack(tf.shape(image)[1:3])
        padded = _padded(_padded(image, 1, height, multiple), 2, width, multiple)
        images = branch_images(
            restore_branch,
            padded,
            source.branches,
            size_multiple=source.loaded.size_multiple,
        )
        fused = ensemble(images) if ensemble else tf.add_n(images) / len(images)
        return tf.clip_by_value(fused[:, :height, :width], 0.0, 1.0)

    return frozen(restore, tf.TensorSpec((None, None, None, 3)))


def size_multiple(source: Source) -> int:
    """What `any_size_graph` pads the height and the width of an image to."""
    return source.loaded.size_multiple * shrinkage(source.branches)


def _padded(image: tf.Tensor, axis: int, length: tf.Tensor, multiple: int) -> tf.Tensor:
    """Reflects an axis up to the next multiple."""
    period = tf.maximum(2 * (length - 1), 1)
    positions = tf.range((length + multiple - 1) // multiple * multiple) % period
    # A length of 1 has the period 1, so that all its positions are 0.
    mirrored = tf.minimum(positions, period - positions)
    return tf.gather(image, tf.minimum(mirrored, length - 1), axis=axis)
