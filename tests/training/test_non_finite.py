import logging
from types import SimpleNamespace

import pytest
import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.training.non_finite import report_non_finite

STATE = SimpleNamespace(
    phase=SimpleNamespace(name="egn"), step=tf.Variable(7), updates=5
)
SHARES = [tf.constant([2, 0]), tf.constant([2])]


def test_non_finite_loss_names_its_images():
    with pytest.raises(InputError, match=r"step 7 of the egn phase .* batch of a, c$"):
        report_non_finite(STATE, "abc", SHARES, skipped=False)


def test_skipped_step_is_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        report_non_finite(STATE, "abc", SHARES, skipped=True)
    assert "Skipped step 7 of the egn phase, 2 in all" in caplog.text
    assert caplog.text.strip().endswith("Batch: a, c")
