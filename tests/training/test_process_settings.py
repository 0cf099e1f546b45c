import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config

from egnet_tf.training.process_settings import process_settings


def draws():
    return random.random(), np.random.random(), float(tf.random.uniform(()))


def test_process_settings_hold_inside_the_context_only():
    keras.utils.set_random_seed(7)
    expected = draws()
    keras.utils.set_random_seed(7)
    with process_settings(3, "mixed_bfloat16"):
        inside = draws()
        assert keras.mixed_precision.global_policy().name == "mixed_bfloat16"
        assert config.is_op_determinism_enabled()
    assert keras.mixed_precision.global_policy().name == "float32"
    assert not config.is_op_determinism_enabled()
    assert draws() == expected

    with pytest.raises(RuntimeError), process_settings(3, "mixed_bfloat16"):
        assert draws() == inside
        raise RuntimeError
    assert keras.mixed_precision.global_policy().name == "float32"
    assert not config.is_op_determinism_enabled()
