"""What a network loses where all arithmetic is float16, as on GPUs of phones.

Emulated on this machine: Keras' mixed_float16, in which every layer but the gradient
map computes and stores float16. That is stricter than GPUs that add in float32.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from egnet_tf import models
from egnet_tf.images.convert import to_float
from egnet_tf.layers.pooling import staged_pooling

from ..graphs.tile import device_network
from .parity import Parity, Tolerance, measure
from .source import Source

TOLERANCE = Tolerance(math.inf, 0.05)
"""A network that loses more, or whose features overflow, asks for another graph."""


def float16_parity(source: Source, limit: int = 8) -> Parity:
    """Compares the device's network in float16 arithmetic with the Keras model.

    Args:
        source: restores the whole image, without branches.
        limit: the largest number of images.
    """
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        network = device_network(source.loaded)
    finally:
        keras.mixed_precision.set_global_policy(before)
    pairs = source.pairs[:limit]

    @tf.function
    def restore(image: tf.Tensor) -> tf.Tensor:
        with staged_pooling():
            stages = network(tf.ensure_shape(image, shape), training=False)
        return tf.clip_by_value(tf.cast(models.finest(stages), tf.float32), 0.0, 1.0)

    shape = (1, *pairs[0].blurry.shape)
    images = [tf.constant(to_float(pair.blurry)[None]) for pair in pairs]
    restored = [np.asarray(restore(image))[0] for image in images]
    return measure(pairs, source.restored_by_keras[:limit], restored)


def float16_note(source: Source) -> dict[str, Any]:
    """What the JSON file of an export says, with a warning if too much is lost."""
    parity = float16_parity(source)
    if broken := TOLERANCE.broken_by(parity):
        logging.getLogger(__name__).warning(
            "Expected %s to stay within %s in float16 arithmetic, as GPUs compute. "
            "Received: %s",
            source.name,
            TOLERANCE,
            broken,
        )
    values = {k: v if math.isfinite(v) else None for k, v in parity._asdict().items()}
    return {"emulated": "Keras mixed_float16 on the CPU", **values}
