import keras
import pytest
import tensorflow as tf

from egnet_tf.inference import memory_estimate
from egnet_tf.inference.memory_estimate import bytes_per_pixel, peak_bytes


def graph_of(function, *shapes):
    graph = tf.Graph()
    with graph.as_default():
        function(*(tf.compat.v1.placeholder(tf.float32, shape) for shape in shapes))
    return graph


def test_tensor_is_freed_after_its_last_use():
    def chain(x):  # 1000 floats, then 3000 beside them, then 500 beside the 3000.
        return tf.tile(x, [3])[:500] * 2

    assert peak_bytes(graph_of(lambda x: chain(tf.sin(x)), [1000])) == 4 * 4000


def test_tensor_is_kept_until_its_last_use():
    def skip(x):
        first = tf.sin(x)
        return tf.concat([tf.cos(tf.cos(tf.cos(first))), first], 0)

    # At the end: the first, the last cosine, and both joined.
    assert peak_bytes(graph_of(skip, [1000])) == 4 * (1000 + 1000 + 2000)


def test_shared_and_reused_buffers_are_counted_once():
    def shared(x):
        return tf.nn.relu(tf.identity(tf.reshape(tf.sin(x), [10, 100])))

    assert peak_bytes(graph_of(shared, [1000])) == 4 * 1000


def test_bytes_per_pixel_of_a_plain_network_by_hand():
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(image)
    x = keras.layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    network = keras.Model(image, keras.layers.Conv2D(3, 3, padding="same")(x))
    function = tf.function(
        network, input_signature=[tf.TensorSpec((None, None, None, 3))]
    )
    # The 16 and the 32 channels live side by side.
    living = 4 * (16 + 32)
    estimate = bytes_per_pixel(function.get_concrete_function())
    assert estimate == pytest.approx(memory_estimate._OVERHEAD * living)
