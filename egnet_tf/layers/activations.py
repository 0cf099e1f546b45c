"""PReLU with one slope that a whole network shares."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="egnet_tf")
class SharedSlope(keras.layers.Layer):
    """The trainable PReLU slope that all blocks of a network share.

    MPRNet creates a single scalar PReLU and passes it to all its blocks. Keras would
    copy a layer object shared between blocks when a model is saved and loaded, so
    the slope is passed through the graph as a tensor instead.

    Args:
        initial: the slope before training (0.25, as in He et al. 2015).

    Call: any tensor, which only ties the slope to the graph -> shape (1,).
    """

    def __init__(self, initial: float = 0.25, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial = initial

    def build(self, input_shape: Any) -> None:
        self.slope = self.add_weight(
            name="slope",
            shape=(1,),
            initializer=keras.initializers.Constant(self.initial),
        )
        self.built = True

    def call(self, _: Any) -> tf.Tensor:
        return tf.convert_to_tensor(self.slope)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (1,)


def parametric_relu(x: tf.Tensor, slope: tf.Tensor | None) -> tf.Tensor:
    """PReLU: max(x, 0) + slope * min(x, 0); plain ReLU when `slope` is None.

    min(x, 0) is written as x - max(x, 0), which is the same to the last bit. The
    gradient of a minimum would need zeros of the size of x, which TensorFlow keeps as
    constants for every call in the graph; and TFLite's 16x8 quantisation rejects the
    NEG, GREATER and SELECT that other forms are lowered to.
    """
    positive = tf.nn.relu(x)
    if slope is None:
        return positive
    return positive + slope * (x - positive)


def split_slope(inputs: Any) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Splits the input of a block, `features` or `[features, slope]`, into both."""
    if isinstance(inputs, (list, tuple)):
        features, slope = inputs
        return features, slope
    return inputs, None


def features_shape(input_shape: Any) -> tuple:
    """The shape of the features in the input of a block, see `split_slope`."""
    first = input_shape[0]
    return tuple(first) if isinstance(first, (list, tuple)) else tuple(input_shape)
