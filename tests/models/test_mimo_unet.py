import keras
import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.loss_weights import LOSSES, Loss
from egnet_tf.losses import stage_losses
from egnet_tf.models import Layout, MIMOUNetConfig, build, finest, transfer_weights
from egnet_tf.models.mimo_unet import mimo_unet
from helpers import FunctionEnhancer

NARROW = MIMOUNetConfig(num_features=4, num_blocks=1)


@pytest.fixture(scope="module")
def network(randomise):
    return randomise(mimo_unet(NARROW))


@pytest.fixture(scope="module")
def image(images):
    return images(2, 16, 24, 3)


@pytest.mark.parametrize(
    "name, parameters", [("mimo_unet", 6_807_171), ("mimo_unet_plus", 16_107_651)]
)
def test_mimo_unet_has_the_published_parameters(name, parameters):
    assert build(name).count_params() == parameters


def test_new_mimo_unet_returns_its_input_at_three_sizes(image):
    outputs = mimo_unet(NARROW)(image)
    assert all(stage.dtype == tf.float32 for stage in outputs.values())
    np.testing.assert_array_equal(outputs["stage3"], image)
    np.testing.assert_array_equal(outputs["stage2"], image[:, ::2, ::2])
    np.testing.assert_array_equal(outputs["stage1"], image[:, ::4, ::4])
    np.testing.assert_array_equal(finest(outputs), image)


def test_mimo_unet_decoders_receive_what_enhance_returns(network, image):
    calls = []

    def enhance(stage, features, seen_image):
        calls.append((stage, features.shape, seen_image.shape))
        return keras.layers.Rescaling(0.0)(features)

    layout = Layout(image_size=(16, 24), batch_size=2)
    enhanced = mimo_unet(NARROW, layout, FunctionEnhancer(enhance))
    assert calls == [(1, (2, 4, 6, 16), (2, 16, 24, 3))]
    transfer_weights(network, enhanced)
    before, after = network(image), enhanced(image)
    assert all(np.abs(before[name] - after[name]).max() > 1e-3 for name in before)
    # The fusion hands it to the finer decoders: without that of the coarsest scale
    # the finest stage would change in the decoders' own chain only.
    fused = [
        keras.Model(m.input, m.get_layer("aff1_conv2").output)
        for m in (network, enhanced)
    ]
    assert np.abs(fused[0](image) - fused[1](image)).max() > 1e-3


def test_mimo_unet_layouts_give_the_same_network(network, image):
    for layout in ({"image_size": (16, 24), "batch_size": 2}, {"recompute": True}):
        other = mimo_unet(NARROW, Layout(**layout))
        transfer_weights(network, other)
        for name, stage in other(image).items():
            np.testing.assert_allclose(stage, network(image)[name], atol=1e-5)


def test_mimo_unet_has_float32_outputs_under_mixed_precision(
    network, image, mixed_precision
):
    mixed = mimo_unet(NARROW)
    transfer_weights(network, mixed)
    expected = network(image)
    for name, stage in mixed(image).items():
        assert stage.dtype == tf.float32
        # bfloat16 has 8 bits, and these random networks many layers.
        error = np.abs(stage - expected[name]).max()
        assert 0 < error < 0.2 * np.ptp(expected[name])


def test_mimo_unet_refuses_sizes_it_cannot_halve_twice():
    with pytest.raises(ValueError, match=r"multiples of 4\. Received: \(16, 18\)"):
        mimo_unet(NARROW, Layout(image_size=(16, 18)))


def test_loss_compares_each_mimo_unet_stage_at_its_size(network, image, images):
    sharp = images(4, 16, 24, 3)[2:]
    outputs = network(image)
    # Bilinear at half the size is the mean of two by two pixels; at a quarter, that of
    # the middle two by two of each four by four.
    half = sharp.reshape(2, 8, 2, 12, 2, 3).mean((2, 4))
    quarter = sharp.reshape(2, 4, 4, 6, 4, 3)[:, :, 1:3, :, 1:3].mean((2, 4))
    targets = {"stage3": sharp, "stage2": half, "stage1": quarter}
    expected = sum(
        np.mean((outputs[name] - target) ** 2, axis=(1, 2, 3))
        for name, target in targets.items()
    )
    losses = stage_losses(outputs, sharp, Loss({"content": 0.5}))
    np.testing.assert_allclose(losses["content"], expected, rtol=1e-5)
    np.testing.assert_allclose(losses["loss"], expected / 2, rtol=1e-5)


def test_mimo_unet_with_egn_starts_as_the_backbone(images):
    network = build("mimo_unet_egn")
    egns = [layer for layer in network.layers if layer.name.startswith("egn_")]
    assert [layer.name for layer in egns] == ["egn_stage1"]
    blurry, sharp = images(2, 64, 64, 3)[:1], images(2, 64, 64, 3)[1:]
    np.testing.assert_array_equal(network(blurry)["stage3"], blurry)
    # And the paper's loss trains it, at all three sizes.
    with tf.GradientTape() as tape:
        stages = network(blurry, training=True)
        loss = stage_losses(stages, sharp, LOSSES["egnet"])["loss"]
    tails = [network.get_layer(f"stage{i}_tail").trainable_variables for i in (1, 2, 3)]
    for gradient in tape.gradient(loss, [v for tail in tails for v in tail]):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0
