import keras
import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.layers import SharedSlope, parametric_relu


def test_parametric_relu_applies_the_slope_below_zero_only():
    x = np.array([-2.0, -0.5, 0.0, 0.5, 2.0], np.float32)
    y = parametric_relu(x, tf.constant([0.25]))
    np.testing.assert_allclose(y, np.where(x > 0, x, 0.25 * x))
    np.testing.assert_allclose(parametric_relu(x, None), np.maximum(x, 0))


@pytest.mark.parametrize("slope", [-0.5, 0.0, 0.25, 1.0])
def test_gradients_of_parametric_relu_are_those_of_its_definition(slope):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    upstream = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    variables = tf.constant(x), tf.constant([slope])
    with tf.GradientTape() as tape:
        tape.watch(variables)
        y = parametric_relu(*variables)
    np.testing.assert_array_equal(y, np.where(x > 0, x, np.float32(slope) * x))
    of_x, of_slope = tape.gradient(y, variables, tf.constant(upstream))
    np.testing.assert_allclose(of_x, upstream * np.where(x > 0, 1, slope), 1e-6)
    np.testing.assert_allclose(of_slope, [np.sum(upstream * x * (x <= 0))], 1e-5)


def test_shared_slope_is_at_most_one():
    layer = SharedSlope(initial=1.5)
    assert float(layer(np.zeros(1))[0]) == 1.0


def test_shared_slope_is_one_trainable_weight():
    image = keras.Input((None, None, 3))
    slope = SharedSlope(name="slope")(image)
    assert slope.shape == (1,)
    y = keras.layers.Multiply()([image, slope])
    model = keras.Model(image, keras.layers.Multiply()([y, slope]))
    assert model.count_params() == 1
    assert model.get_weights()[0] == pytest.approx(0.25)  # He et al. 2015
    images = np.ones((2, 4, 4, 3), np.float32)
    with tf.GradientTape() as tape:
        y = model(images)
    np.testing.assert_allclose(y, np.full_like(images, 0.25**2))
    (gradient,) = tape.gradient(y, model.trainable_variables)
    np.testing.assert_allclose(gradient, [2 * 0.25 * images.size])
