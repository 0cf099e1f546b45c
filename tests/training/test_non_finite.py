import logging
from types import SimpleNamespace

import pytest
import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.training.non_finite import NonFiniteReport

STATE = SimpleNamespace(
    phase=SimpleNamespace(name="egn"), step=tf.Variable(7), updates=5
)
BATCH = {"index": tf.constant([2, 0, 2])}


def test_a_loss_that_is_not_finite_names_its_images(one_device):
    report = NonFiniteReport("abc", one_device, skip=False)
    with pytest.raises(InputError, match=r"step 7 of the egn phase .* batch of a, c$"):
        report(STATE, BATCH)


def test_a_skipped_step_is_a_warning(one_device, caplog):
    with caplog.at_level(logging.WARNING):
        NonFiniteReport("abc", one_device, skip=True)(STATE, BATCH)
    assert "Skipped step 7 of the egn phase, 2 in all" in caplog.text
    assert caplog.text.strip().endswith("Batch: a, c")
