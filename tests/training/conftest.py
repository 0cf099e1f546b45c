from typing import NamedTuple

import keras
import pytest
import tensorflow as tf


class OneConvolution(NamedTuple):
    """The smallest network that can be trained, in place of a `Phase`."""

    network: keras.Model
    name: str = "backbone"
    ensemble: None = None
    stages: tuple[str, ...] = ("stage1",)

    @property
    def trained(self):
        return self.network.trainable_variables

    def restore(self, blurry):
        return {"stage1": self.network(blurry)}


@pytest.fixture
def make_phase():
    def make():
        keras.utils.set_random_seed(0)
        image = keras.Input((16, 16, 3))
        network = keras.Model(image, keras.layers.Conv2D(3, 3, padding="same")(image))
        return OneConvolution(network)

    return make


@pytest.fixture
def one_device():
    return tf.distribute.OneDeviceStrategy("/CPU:0")
