"""Ranges of activations against quantiles of the same activations in NumPy."""

from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from export.graphs.frozen import frozen
from export.litert import convert
from export.litert.inspect import parse
from export.litert.ranges import activation_ranges, repair_zero_ranges
from helpers import random_image

SIDE = 32


@pytest.fixture(scope="module")
def matrix():
    """Of a 1x1 convolution of three channels into two, of both signs."""
    return np.array([[0.5, -1.0], [2.0, -3.0], [-0.25, 0.5]], np.float32)


@pytest.fixture(scope="module")
def content(matrix):
    """A .tflite file of the convolution and a ReLU that stays apart."""

    @tf.function(input_signature=[tf.TensorSpec((1, SIDE, SIDE, 3))])
    def network(image):
        features = tf.nn.conv2d(image, matrix[None, None], 1, "VALID")
        return tf.concat([features, tf.nn.relu(features)], axis=-1)

    function = network.get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()


def ranges(content, crops):
    """(minimum, maximum) of every operator's output, in their order."""
    images = (crop[None].astype(np.float32) / 255 for crop in crops)
    model = parse(content)
    return np.array(list(activation_ranges(model, content, images).values()))


def test_ranges_are_quantiles_around_zero(content, matrix):
    crops = random_image((64, SIDE, SIDE, 3), seed=1)
    features = crops.reshape(-1, 3) / 255 @ matrix
    low, high = np.quantile(features, (3e-5, 1 - 3e-5))
    first, *_, last = ranges(content, crops)
    np.testing.assert_allclose(first, (low, high), rtol=1e-5)
    assert features.min() < low and high < features.max()
    # Half of these values are drawn.
    np.testing.assert_allclose(last, (low, high), rtol=0.05)
    assert (ranges(content, crops)[:, 0] <= 0).all()


def test_ranges_ignore_a_single_highlight(content):
    crops = np.full((20, SIDE, SIDE, 3), 20, np.uint8)
    dark = ranges(content, crops)
    crops[3, 5, 7] = 255
    np.testing.assert_array_equal(ranges(content, crops), dark)


def test_ranges_contain_zero(content):
    crops = np.full((2, SIDE, SIDE, 3), 255, np.uint8)
    low, high = ranges(content, crops).T
    assert (low <= 0).all() and (high >= 0).all() and (high > low).all()


class Clip(keras.layers.Layer):
    def call(self, x):
        return tf.clip_by_value(x, 0.0, 1.0)


@pytest.fixture(scope="module")
def dead_channels():
    """Converts a network whose ReLU no image in [0, 1] switches on: image + 0.25."""
    constant = keras.initializers.Constant
    image = keras.Input((SIDE, SIDE, 3), batch_size=1)
    dead = keras.layers.Conv2D(
        4,
        1,
        activation="relu",
        kernel_initializer=constant(-1.0),
        bias_initializer=constant(-0.1),
    )(image)
    residual = keras.layers.Conv2D(
        3,
        1,
        kernel_initializer=constant(0.5),
        bias_initializer=constant(0.25),
    )(dead)
    restored = Clip()(keras.layers.Add()([image, residual]))
    model = keras.Model(image, restored)
    return convert.TileConverter(frozen(model, tf.TensorSpec(image.shape)))


def test_zero_width_range_is_repaired_for_xnnpack(dead_channels):
    crops = random_image((4, SIDE, SIDE, 3))
    with mock.patch.object(convert, "repair_zero_ranges", lambda model: False):
        broken = dead_channels.convert("int8", crops)
    with pytest.raises(RuntimeError, match="XNNPACK"):
        Interpreter(model_content=broken).allocate_tensors()

    repaired = dead_channels.convert("int8", crops)
    image = crops[:1].astype(np.float32) / 255
    run = Interpreter(model_content=repaired).get_signature_runner()
    # The bias behind the ReLU, stored in steps of its scale, keeps its value.
    np.testing.assert_allclose(
        run(image=image)["restored"], np.clip(image + 0.25, 0, 1), atol=1 / 255
    )
    assert not repair_zero_ranges(parse(repaired))
