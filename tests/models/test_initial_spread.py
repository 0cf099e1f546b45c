import math

import keras
import numpy as np
import pytest

from egnet_tf.models import build
from egnet_tf.models.initial_spread import use_pytorch_spread


@pytest.fixture
def network():
    keras.utils.set_random_seed(1)
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(64, 5, name="conv")(image)
    x = keras.layers.Conv2DTranspose(32, 4, name="transposed")(x)
    x = keras.layers.Conv2D(
        3, 1, kernel_initializer="zeros", use_bias=False, name="last"
    )(x)
    return keras.Model(image, x)


def test_pytorch_spread_is_uniform_within_the_root_of_the_inputs(network):
    use_pytorch_spread(network)
    # torch.nn.Conv2d: U(-b, b), b = 1 / sqrt(inputs x kernel); for a transposed
    # convolution PyTorch takes its outputs in place of the inputs.
    for name, fan in (("conv", 3 * 25), ("transposed", 32 * 16)):
        bound = 1 / math.sqrt(fan)
        kernel, bias = network.get_layer(name).get_weights()
        assert np.abs(kernel).max() <= bound * (1 + 1e-6)
        assert kernel.std() == pytest.approx(bound / math.sqrt(3), rel=0.03)
        assert 0.5 * bound < np.abs(bias).max() <= bound
    assert not network.get_layer("last").get_weights()[0].any()


def test_pytorch_spread_leaves_a_new_network_the_identity(images):
    network = build("egnet_testing")
    use_pytorch_spread(network)
    image = images(1, 16, 16, 3)
    for stage in network(image).values():
        np.testing.assert_array_equal(stage, image)
    conv = network.get_layer("egn_stage1").get_layer("egm1_rca").conv1
    assert np.abs(conv.kernel).max() <= 1 / math.sqrt(9 * 4) * (1 + 1e-6)
