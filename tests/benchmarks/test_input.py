import sys

import numpy as np
import pytest

from egnet_tf.benchmarks.input import measure_input
from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.errors import InputError


class Noise(Pairs):
    names = ("a", "b", "c")

    def read(self, index):
        rng = np.random.default_rng(index)
        shape = (512, 520, 3)
        return Pair(*(rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(2)))


def measure(**options):
    return measure_input(Noise(), count=1, crop=16, batch=2, seconds=0, **options)


def test_each_form_is_written_and_read():
    rows = measure(forms=("png", "tfrecord", "shards"))
    assert [row.form for row in rows] == ["png", "tfrecord", "shards"]
    assert all(row.pairs_per_second > 0 for row in rows)
    png, tfrecord, shards = (row.megabytes for row in rows)
    # Noise cannot be compressed: one pair, or its two crops with little around them.
    assert png == pytest.approx(2 * 512 * 520 * 3 / 1e6, rel=0.01)
    raw = 2 * 2 * 512 * 512 * 3 / 1e6
    assert raw < tfrecord < shards < raw + 0.01


def test_what_cannot_be_measured_is_said(monkeypatch):
    with pytest.raises(InputError, match=r"png_crops.*Received: gif"):
        measure(forms=("png", "gif"))
    monkeypatch.setitem(sys.modules, "array_record", None)
    with pytest.raises(InputError, match="pip install array_record"):
        measure(forms=("array_record",))
