"""Activations with one slope for a whole network."""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="egnet_tf")
class SharedSlope(keras.layers.Layer):
    """Holds the one trainable PReLU slope that every block of a network shares.

    MPRNet creates a single scalar PReLU and hands it to all its blocks. A layer
    object shared between blocks would be copied when a model is saved and loaded;
    a tensor is not, so the slope travels through the graph as a tensor.

    Args:
        initial: the slope before training (0.25, as in He et al. 2015).

    Call: any tensor (it only ties the slope to the graph) -> shape (1,).
    """

    def __init__(self, initial: float = 0.25, **kwargs):
        super().__init__(**kwargs)
        self.initial = initial

    def build(self, input_shape):
        self.slope = self.add_weight(
            name="slope",
            shape=(1,),
            initializer=keras.initializers.Constant(self.initial),
        )
        self.built = True

    def call(self, _):
        return tf.convert_to_tensor(self.slope)

    def compute_output_shape(self, input_shape):
        return (1,)

    def get_config(self):
        return {**super().get_config(), "initial": self.initial}


def parametric_relu(x: tf.Tensor, slope: tf.Tensor | None) -> tf.Tensor:
    """PReLU: max(x, 0) + slope * min(x, 0); plain ReLU when `slope` is None.

    min(x, 0) is written as x - max(x, 0), which is the same to the last bit. The
    gradient of a minimum needs zeros of the size of x, and TensorFlow keeps those of
    every call in the graph as constants. And 16x8 quantisation of TFLite refuses the
    NEG, GREATER and SELECT that other forms are lowered to.
    """
    positive = tf.nn.relu(x)
    if slope is None:
        return positive
    return positive + slope * (x - positive)


def split_slope(inputs) -> tuple[tf.Tensor, tf.Tensor | None]:
    """The (features, slope) of a block called on `features` or `[features, slope]`."""
    if isinstance(inputs, (list, tuple)):
        features, slope = inputs
        return features, slope
    return inputs, None


def features_shape(input_shape):
    """The shape of the features of a block called as `split_slope` describes."""
    first = input_shape[0]
    return tuple(first) if isinstance(first, (list, tuple)) else tuple(input_shape)
