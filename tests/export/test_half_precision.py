"""Float16 arithmetic, in which GPUs of phones compute."""

import json

import numpy as np
import pytest
import tensorflow as tf

from egnet_tf import models
from egnet_tf.data import open_pairs
from egnet_tf.inference.resolve import resolve
from egnet_tf.layers.pooling import GlobalPool, staged_pooling
from export.checks.half_precision import TOLERANCE, float16_note, float16_parity
from export.checks.images import check_pairs
from export.checks.source import Source
from export.litert.writer import LiteRTWriter
from helpers import random_image

TILE = 64


def test_staged_mean_is_the_mean_and_does_not_overflow():
    x = 30 * random_image((2, 64, 128, 5), dtype=np.float32)
    with staged_pooling():
        staged = GlobalPool()(x)
        half = GlobalPool(dtype="float16")(x)
        odd = GlobalPool()(x[:, :60])
    expected = x.astype(np.float64).mean((1, 2), keepdims=True)
    np.testing.assert_allclose(staged, expected, rtol=1e-6)
    np.testing.assert_allclose(odd, x[:, :60].mean((1, 2), keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(half, expected, rtol=1e-2)
    # What it is for: these sums of 8192 values of up to 30 are above 65504.
    assert np.isinf(GlobalPool(dtype="float16")(x)).all()


@pytest.mark.slow
def test_shipped_weights_lose_next_to_nothing_in_float16():
    """On eight tiles of photographs that were never trained on."""
    loaded = models.load(resolve("egnet_mobile").weights())
    pairs = check_pairs(open_pairs("samples", split="test"), (256, 256), 8)
    source = Source("egnet_mobile", loaded, ("whole",), pairs, "samples test")
    parity = float16_parity(source)
    assert parity.photographs == 8
    assert not TOLERANCE.broken_by(parity)
    # Half precision it is: float32 is above 130 dB.
    assert 50 < parity.psnr_to_keras < 100
    assert parity.psnr > parity.psnr_blurry + 0.3


def test_too_much_lost_is_a_warning(source, caplog):
    """Weights that are fine in float32, but whose features float16 cannot hold."""
    network = models.build(source.loaded.variant)
    network.set_weights(source.loaded.network.get_weights())
    kernel = network.get_layer("stage1_shallow_conv").kernel
    kernel.assign(kernel * 1e6)
    loaded = source.loaded._replace(network=network)
    large = Source("runs/large", loaded, ("whole",), source.pairs, "samples test")
    note = float16_note(large)
    assert note["psnr_to_keras"] is None
    assert "float16 arithmetic" in caplog.text and "large" in caplog.text


@pytest.mark.slow
@pytest.mark.process
def test_the_json_file_says_what_is_lost(source, crops, tmp_path):
    writer = LiteRTWriter(source, tmp_path, TILE, crops, "samples train", "cpu")
    for mode, there in (("float16", True), ("dynamic", False)):
        path = writer.write(mode).path
        note = json.loads(path.with_name(f"{path.name}.json").read_text())
        assert ("float16_arithmetic" in note) == there
        if there:
            assert note["float16_arithmetic"]["db_lost"] < TOLERANCE.db_lost
        assert note["gpu"] == {"run": False, "why": "not asked for"}


def test_float16_is_left_behind_nowhere(source):
    before = tf.keras.mixed_precision.global_policy().name
    float16_parity(source, 1)
    assert tf.keras.mixed_precision.global_policy().name == before
