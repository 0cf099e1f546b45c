"""Sizes and costs of the networks: what the paper's Table 2 is about."""

import dataclasses

import keras
import pytest
import tensorflow as tf

from egnet_tf.layers import PositionAttention
from egnet_tf.models import build, build_ensemble, multiply_adds
from egnet_tf.models.variants import VARIANTS


@pytest.fixture(scope="module")
def mprnet():
    return build("mprnet")


@pytest.fixture(scope="module")
def egnet():
    return build("egnet", attention_block=None)


def test_mprnet_has_the_published_parameters(mprnet):
    assert mprnet.count_params() == 20_127_073


def test_egnet_has_the_size_given_in_the_paper(egnet):
    parameters = egnet.count_params() + build_ensemble("egnet").count_params()
    assert parameters == pytest.approx(26.60e6, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    "patches, size, extra",
    [
        ("apart", (256, 256), 0.0421),
        ("apart", (720, 1280), 0.1393),
        ("joined", (256, 256), 0.0495),
        ("joined", (720, 1280), 0.2439),
    ],
)
def test_egn_adds_little_cost(patches, size, extra, mprnet):
    # The paper's run time, at 720x1280, grows from 0.217 s to 0.231 s, by 6.5%.
    egnet = VARIANTS["egnet"]
    egn = dataclasses.replace(egnet.egn, patches=patches)
    network = build(dataclasses.replace(egnet, egn=egn), attention_block=None)
    ratio = multiply_adds(network, *size) / multiply_adds(mprnet, *size)
    assert ratio == pytest.approx(1 + extra, abs=1e-4)


def test_egnet_mobile_stays_within_its_budget():
    mobile = build("egnet_mobile")
    assert mobile.count_params() <= 2.5e6
    assert multiply_adds(mobile, 256, 256) <= 2.5e9


def test_cost_equals_arithmetic_by_hand():
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, padding="same")(image)
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False)(x)
    x = keras.layers.DepthwiseConv2D(5, padding="same")(x)
    x = keras.layers.Conv2D(8, 1)(x)
    x = keras.layers.Conv2DTranspose(5, 4, strides=2, padding="same")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(7, activation="relu")(x)
    expected = (
        (16 * 24) * 9 * 3 * 4
        + (8 * 12) * 9 * 4 * 6
        + (8 * 12) * 25 * 6
        + (8 * 12) * 6 * 8
        + (8 * 12) * 16 * 8 * 5
        + 5 * 7
    )
    assert multiply_adds(keras.Model(image, x), 16, 24) == expected


def position_attention(block):
    attention = PositionAttention(
        4, key_filters=3, value_filters=5, key_pool=2, block=block
    )
    image = keras.Input((None, None, 4))
    return keras.Model(image, attention(image))


def test_cost_of_position_attention_equals_arithmetic_by_hand():
    positions, keys = 6 * 8, 3 * 4
    convolutions = positions * 3 * 9 * 4 * 4
    linear = positions * 4 * 3 + keys * 4 * (3 + 5) + positions * 5 * 4
    products = positions * keys * (3 + 5)
    total = convolutions + linear + products
    assert multiply_adds(position_attention(block=None), 6, 8) == total
    assert multiply_adds(position_attention(block=48), 6, 8) == total
    with pytest.raises(ValueError, match=r"attention_block=None.* Received: "):
        multiply_adds(position_attention(block=7), 6, 8)


@pytest.mark.slow
def test_cost_does_not_depend_on_the_layout():
    # 64 x 96 pixels: patches of the hierarchy, in one call or each alone.
    counts = {
        multiply_adds(build("egnet_testing", **layout), 64, 96)
        for layout in ({}, {"stack_patches": False}, {"recompute": True})
    }
    assert len(counts) == 1


def test_cost_of_several_images_is_counted(images):
    by_hand = 10 * 12 * 9 * (3 * (3 * 4 + 4 * 3) + 3 * 4 + 4 * 4 + 4 * 3)
    assert multiply_adds(build_ensemble("egnet_testing"), 10, 12) == by_hand


def test_cost_refuses_a_loop_it_cannot_count():
    class Loop(keras.layers.Layer):
        def call(self, x):
            times = tf.cast(tf.reduce_sum(x), tf.int32)
            return tf.while_loop(
                lambda i, _: i < times,
                lambda i, y: (i + 1, tf.matmul(y, y)),
                (0, x),
            )[1]

        def compute_output_shape(self, input_shape):
            return input_shape

    image = keras.Input((None, None, 3))
    model = keras.Model(image, Loop()(image))
    with pytest.raises(ValueError, match=r"run once .* Received: .*While"):
        multiply_adds(model, 3, 3)
