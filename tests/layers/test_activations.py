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


def test_slope_gradient_is_the_sum_of_the_inputs_below_zero():
    x = np.array([-2.0, -0.5, 0.5], np.float32)
    slope = tf.Variable([0.25])
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(parametric_relu(x, slope))
    np.testing.assert_allclose(tape.gradient(y, slope), [-2.5])


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
