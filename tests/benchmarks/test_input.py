import pytest

from egnet_tf.benchmarks.input import Options, measure
from egnet_tf.data.pairs import Pair, Pairs
from helpers import random_image


class Noise(Pairs):
    names = ("a", "b", "c")

    def read(self, index):
        return Pair(*random_image((2, 512, 520, 3), seed=index))


def test_input_measurement_writes_and_reads_each_format():
    rows = measure(Options(crop=16, batch=2), Noise(), count=1, seconds=0)
    assert [row.form for row in rows] == [
        *("png", "shards", "camera_motion", "camera_shake")
    ]
    assert all(row.pairs_per_second > 0 for row in rows)
    assert all(row.cpu_milliseconds > 0 for row in rows)
    png, shards, motion, shake = (row.megabytes for row in rows)
    # The sharp image alone.
    assert motion == shake == pytest.approx(png / 2, rel=0.01)
    # Noise cannot be compressed: one pair, or its two crops with little around them.
    assert png == pytest.approx(2 * 512 * 520 * 3 / 1e6, rel=0.01)
    raw = 2 * 2 * 512 * 512 * 3 / 1e6
    assert raw < shards < raw + 0.01
