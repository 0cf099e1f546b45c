"""Ranges of activations against quantiles of the same activations in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.tools import flatbuffer_utils

from export.litert.ranges import with_activation_ranges

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
    noted = with_activation_ranges(content, images)
    model = flatbuffer_utils.convert_bytearray_to_object(noted)
    (graph,) = model.subgraphs
    found = [graph.tensors[o.outputs[0]].quantization for o in graph.operators]
    return np.array([(q.min[0], q.max[0]) for q in found])


def test_ranges_are_quantiles_around_zero(content, matrix):
    crops = np.random.default_rng(1).integers(0, 256, (64, SIDE, SIDE, 3), np.uint8)
    features = crops.reshape(-1, 3) / 255 @ matrix
    low, high = np.quantile(features, (3e-5, 1 - 3e-5))
    first, *_, last = ranges(content, crops)
    np.testing.assert_allclose(first, (low, high), rtol=1e-5)
    assert features.min() < low and high < features.max()
    # Half of these values are drawn.
    np.testing.assert_allclose(last, (low, high), rtol=0.05)
    assert (ranges(content, crops)[:, 0] <= 0).all()


def test_one_highlight_does_not_widen_a_range(content):
    crops = np.full((20, SIDE, SIDE, 3), 20, np.uint8)
    dark = ranges(content, crops)
    crops[3, 5, 7] = 255
    np.testing.assert_array_equal(ranges(content, crops), dark)


def test_a_range_holds_zero(content):
    crops = np.full((2, SIDE, SIDE, 3), 255, np.uint8)
    low, high = ranges(content, crops).T
    assert (low <= 0).all() and (high >= 0).all() and (high > low).all()
