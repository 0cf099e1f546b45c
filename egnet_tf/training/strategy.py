"""On which devices a run trains."""

from __future__ import annotations

import tensorflow as tf


def device_strategy() -> tf.distribute.Strategy:
    """All GPUs of this machine in synchrony, or its one CPU."""
    return tf.distribute.MirroredStrategy()
