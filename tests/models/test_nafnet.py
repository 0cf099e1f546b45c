import keras
import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.loss_weights import LOSSES
from egnet_tf.losses import stage_losses
from egnet_tf.models import (
    Layout,
    NAFNetConfig,
    build,
    finest,
    last_features,
    transfer_weights,
)
from egnet_tf.models.cost import multiply_adds
from egnet_tf.models.nafnet import nafnet
from helpers import FunctionEnhancer

NARROW = NAFNetConfig(num_features=2, num_blocks=2)


@pytest.fixture(scope="module")
def network(randomise):
    return randomise(nafnet(NARROW))


@pytest.fixture(scope="module")
def image(images):
    return images(2, 32, 48, 3)


@pytest.mark.parametrize(
    "name, parameters, giga_multiply_adds",
    # The first is the published one, of 17.1 M and 16 G.
    [("nafnet", 17_111_907, 15.96), ("nafnet_mobile", 2_471_847, 2.33)],
)
def test_nafnet_has_the_published_size(name, parameters, giga_multiply_adds):
    network = build(name)
    assert network.count_params() == parameters
    assert round(multiply_adds(network, 256, 256) / 1e9, 2) == giga_multiply_adds


def test_new_nafnet_returns_its_input(image):
    outputs = nafnet(NARROW)(image)
    assert list(outputs) == ["stage1"] and outputs["stage1"].dtype == tf.float32
    np.testing.assert_array_equal(finest(outputs), image)


def test_last_features_of_nafnet_give_the_restored_image(network, image):
    residual = network.get_layer("stage1_tail")(last_features(network)(image))
    np.testing.assert_allclose(finest(network(image)), image + residual, atol=1e-5)


def test_nafnet_decoder_receives_what_enhance_returns(network, image):
    calls = []

    def enhance(stage, features, seen_image):
        calls.append((stage, features.shape, seen_image.shape))
        return keras.layers.Rescaling(0.0)(features)

    layout = Layout(image_size=(32, 48), batch_size=2)
    enhanced = nafnet(NARROW, layout, FunctionEnhancer(enhance))
    assert calls == [(1, (2, 2, 3, 32), (2, 32, 48, 3))]
    transfer_weights(network, enhanced)
    assert np.abs(finest(network(image)) - finest(enhanced(image))).max() > 1e-3


def test_nafnet_layouts_give_the_same_network(network, image):
    for layout in ({"image_size": (32, 48), "batch_size": 2}, {"recompute": True}):
        other = nafnet(NARROW, Layout(**layout))
        transfer_weights(network, other)
        np.testing.assert_allclose(
            finest(other(image)), finest(network(image)), atol=1e-5
        )


def test_nafnet_refuses_sizes_it_cannot_halve_four_times():
    with pytest.raises(ValueError, match=r"multiples of 16\. Received: \(16, 24\)"):
        nafnet(NARROW, Layout(image_size=(16, 24)))


def test_loss_reaches_every_weight_of_nafnet(network, image, images):
    sharp = images(4, 32, 48, 3)[2:]
    with tf.GradientTape() as tape:
        stages = network(image, training=True)
        loss = stage_losses(stages, sharp, LOSSES["psnr"])["loss"]
    for gradient in tape.gradient(loss, network.trainable_variables):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0
