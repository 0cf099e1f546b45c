import dataclasses

import keras
import numpy as np
import pytest

from egnet_tf.layers import (
    PositionAttention,
    ResidualChannelAttention,
    ResidualSpatialAttention,
    gradient_map,
)
from egnet_tf.models import EGNConfig, Enhancer
from egnet_tf.models.egn import ImplicitInput, egn

CONFIG = EGNConfig(filters=6, num_modules=2, key_filters=3)


@pytest.fixture
def inputs(images):
    """Features and the image they came from, four times as large."""
    return [images(2, 3, 5, 4) - 0.5, images(2, 12, 20, 3)]


def same_convolution(x, kernel):
    x = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
    return np.einsum("bijchw,hwcf->bijf", windows, kernel)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gate": "sigmoid", "position_residual": True, "position_scaled": True},
        {"attention": False},
        {"input": "implicit_add"},
        {"input": "implicit_mul", "implicit_stddev": 0.2, "attention": False},
    ],
    ids=str,
)
def test_egn_starts_as_the_identity(options, inputs):
    model = egn(4, dataclasses.replace(CONFIG, **options), image_stride=4)
    np.testing.assert_array_equal(model(inputs), inputs[0])


@pytest.mark.parametrize("residual", [False, True])
def test_egn_is_figure_2(residual, inputs, randomise):
    config = dataclasses.replace(
        CONFIG, gate="sigmoid" if residual else "linear", position_residual=residual
    )
    model = randomise(egn(4, config, image_stride=4), stddev=0.25)
    features, image = inputs

    def kernel(name):
        return model.get_layer(name).get_weights()[0].astype(np.float64)

    # The gradient map, brought to the features by one convolution of 4 x 4 pixels.
    gradient = gradient_map(image).numpy().reshape(2, 3, 4, 5, 4, 3)
    gradient = np.einsum("bihjwc,hwcf->bijf", gradient, kernel("embed"))
    x = same_convolution(np.concatenate([features, gradient], axis=-1), kernel("enter"))
    # Two modules, in each the three attentions in a row. Their equations have tests
    # of their own; what is left to check is that these are they, in this order.
    attentions = (
        ("rca", ResidualChannelAttention(6, gate=config.gate)),
        ("rsa", ResidualSpatialAttention(6)),
        ("pa", PositionAttention(6, 3, 6, residual=residual)),
    )
    x = x.astype(np.float32)
    for module in (1, 2):
        for name, layer in attentions:
            layer(x)
            layer.set_weights(model.get_layer(f"egm{module}_{name}").get_weights())
            x = layer(x)
    expected = same_convolution(x.numpy(), kernel("leave"))
    largest = np.abs(expected).max()
    assert largest > 0.01
    np.testing.assert_allclose(
        model(inputs) - features, expected, atol=1e-4 * max(1, largest)
    )


def test_egn_without_attention_consists_of_plain_convolutions(inputs, randomise):
    config = dataclasses.replace(CONFIG, attention=False)
    model = randomise(egn(4, config, image_stride=4))
    kinds = {type(layer).__name__ for layer in model.layers if layer.weights}
    assert kinds == {"Conv2D"}
    kernels = [layer for layer in model.layers if layer.name.startswith("egm1_")]
    assert sum(bool(layer.weights) for layer in kernels) == 2 + 2 + 3
    assert np.abs(model(inputs) - inputs[0]).max() > 1e-3


@pytest.mark.parametrize("egn_input", ["gradient", "implicit_add", "implicit_mul"])
def test_egn_uses_the_image_through_the_gradient_map_only(egn_input, inputs, randomise):
    model = randomise(egn(4, dataclasses.replace(CONFIG, input=egn_input), 4))
    features, image = inputs
    moved = np.abs(model([features, image[::-1]]) - model([features, image])).max()
    assert (moved > 1e-4) == (egn_input == "gradient")


def test_egn_has_one_gradient_map_of_the_whole_image(inputs, randomise):
    # One bright spot, far away, changes the normalisation and so the features.
    model = randomise(egn(4, CONFIG, image_stride=4))
    probe = keras.Model(model.inputs, model.get_layer("gradient_map").output)
    np.testing.assert_allclose(probe(inputs), gradient_map(inputs[1]), atol=1e-6)


@pytest.mark.parametrize(
    "mode, mean, stddev", [("add", 0, 0.02), ("add", 0, 0.2), ("mul", 1, 0.02)]
)
def test_egn_implicit_input_is_drawn_as_in_table_3(mode, mean, stddev):
    keras.utils.set_random_seed(0)
    layer = ImplicitInput(mode, stddev)
    x = np.full((1, 2, 2, 5000), 3.0, np.float32)
    y = layer(x).numpy()
    drawn = y - x if mode == "add" else y / x
    # One value a channel, at every position.
    np.testing.assert_allclose(
        drawn, np.broadcast_to(drawn[:, :1, :1], x.shape), atol=1e-6
    )
    assert drawn.mean() == pytest.approx(mean, abs=stddev / 10)
    assert drawn.std() == pytest.approx(stddev, rel=0.05)
    assert len(layer.trainable_variables) == 1


def test_enhancer_makes_one_egn_per_stage(inputs):
    enhance = Enhancer(CONFIG, image_stride=4)
    features, image = keras.Input((3, 5, 4)), keras.Input((12, 20, 3))
    outputs = [enhance(stage, features, image) for stage in (1, 1, 2)]
    model = keras.Model([features, image], outputs)
    names = [layer.name for layer in model.layers if layer.name.startswith("egn_")]
    assert sorted(names) == ["egn_stage1", "egn_stage2"]
    assert model.count_params() == 2 * egn(4, CONFIG, 4).count_params()
    for y in model(inputs):
        np.testing.assert_array_equal(y, inputs[0])
