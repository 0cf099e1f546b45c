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
    the slope is passed through the graph as a tensor instead. It is at most 1, so that
    PReLU is a maximum.

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
        return tf.minimum(tf.convert_to_tensor(self.slope), 1.0)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (1,)


def parametric_relu(x: tf.Tensor, slope: tf.Tensor | None) -> tf.Tensor:
    """PReLU: x above 0, slope * x below; plain ReLU when `slope` is None.

    Args:
        x: any shape.
        slope: shape (1,), at most 1.
    """
    if slope is None:
        return tf.nn.relu(x)
    return _parametric_relu(x, tf.cast(slope, x.dtype))


@tf.custom_gradient
def _parametric_relu(x: tf.Tensor, slope: tf.Tensor) -> Any:
    """max(x, slope * x), with a gradient in fewer passes over the features.

    TensorFlow's own keeps a constant of zeros of the size of x for every call.
    """

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        above = tf.raw_ops.ReluGrad(gradients=upstream, features=x)
        below = upstream - above
        of_slope = tf.reshape(tf.reduce_sum(below * x), (1,))
        return above + slope * below, of_slope

    return tf.maximum(x, slope * x), gradient


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
