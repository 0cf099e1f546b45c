"""What training sets for the whole process: seeds, determinism, precision."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

# TensorFlow can tell neither its seed nor its determinism by a public name.
from tensorflow.python.eager import context
from tensorflow.python.framework import config


@contextlib.contextmanager
def process_settings(seed: int, precision: str) -> Iterator[None]:
    """Inside, everything random follows a seed and every operation is deterministic.

    `precision` is the policy's name, "float32" or "mixed_bfloat16", of layers built
    inside. Afterwards the policy, determinism, and the random states of Python and
    NumPy are those of before. TensorFlow's random sequence begins again at the seed of
    before: how far it had come cannot be read.
    """
    policy = keras.mixed_precision.global_policy()
    deterministic, tensorflow_seed = (
        config.is_op_determinism_enabled(),
        context.global_seed(),
    )
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()
        keras.mixed_precision.set_global_policy(precision)
        yield
    finally:
        keras.mixed_precision.set_global_policy(policy)
        if not deterministic:
            config.disable_op_determinism()
        tf.random.set_seed(tensorflow_seed)
        np.random.set_state(numpy_state)
        random.setstate(python_state)
