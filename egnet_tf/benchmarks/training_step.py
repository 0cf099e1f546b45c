"""One training step, as in training but on one device."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


def training_step(
    network: keras.Model, height: int, width: int
) -> Callable[[], tf.Tensor]:
    """Makes a function that trains all of a network on one random crop.

    Args:
        network: see `egnet_tf.models.build`.
        height: of the crop in pixels.
        width: of the crop in pixels.

    Returns:
        A function without arguments that takes one step of Adam on the loss of
        Eq. 17 and returns the loss before it.
    """
    import keras
    import tensorflow as tf

    from egnet_tf.loss_weights import LOSSES
    from egnet_tf.losses import stage_losses

    blurry, sharp = tf.random.stateless_uniform((2, 1, height, width, 3), seed=(0, 0))
    variables = network.trainable_variables
    optimizer = keras.optimizers.Adam(1e-6)
    optimizer.build(variables)

    @tf.function(autograph=False)
    def step(blurry: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            stages = network(blurry, training=True)
            loss = tf.reduce_sum(stage_losses(stages, sharp, LOSSES["egnet"])["loss"])
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    return lambda: step(blurry, sharp)
