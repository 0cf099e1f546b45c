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
from egnet_tf.models.configs import MPRNetConfig
from egnet_tf.models.egn import ImplicitInput, egn
from egnet_tf.models.layout import Layout
from egnet_tf.models.mprnet import mprnet

CONFIG = EGNConfig(filters=6, num_modules=2, key_filters=3)


@pytest.fixture
def inputs(images):
    """Features and the gradient map of the image they came from."""
    return [images(2, 3, 5, 4) - 0.5, gradient_map(images(2, 12, 20, 3)).numpy()]


def of_input(model, inputs):
    """The inputs that the model takes: without the map if it has an implicit input."""
    return inputs if len(model.inputs) == 2 else inputs[0]


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
    np.testing.assert_array_equal(model(of_input(model, inputs)), inputs[0])


@pytest.mark.parametrize("residual", [False, True])
def test_egn_is_figure_2(residual, inputs, randomise):
    config = dataclasses.replace(
        CONFIG, gate="sigmoid" if residual else "linear", position_residual=residual
    )
    model = randomise(egn(4, config, image_stride=4), stddev=0.25)
    features, gradient = inputs

    def kernel(name):
        return model.get_layer(name).get_weights()[0].astype(np.float64)

    # The gradient map, brought to the features by one convolution of 4 x 4 pixels.
    gradient = gradient.reshape(2, 3, 4, 5, 4, 3)
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


def test_egn_sees_the_gradient_map(inputs, randomise):
    model = randomise(egn(4, CONFIG, image_stride=4))
    features, gradient = inputs
    other = model([features, gradient[::-1]])
    assert np.abs(other - model(inputs)).max() > 1e-4


@pytest.mark.parametrize("egn_input", ["implicit_add", "implicit_mul"])
def test_egn_with_an_implicit_input_has_no_other(egn_input):
    model = egn(4, dataclasses.replace(CONFIG, input=egn_input), image_stride=4)
    assert [x.name for x in model.inputs] == ["features"]


@pytest.mark.parametrize("patches", ["apart", "joined"])
@pytest.mark.parametrize("normalise", ["max", "minmax", "deviation", "fixed"])
@pytest.mark.parametrize("stacked", [True, False])
def test_egn_sees_one_gradient_map_of_the_whole_image(
    stacked, normalise, patches, images
):
    # A spot in the last quarter changes the scale of the whole map, if that has one.
    image = images(2, 16, 32, 3) / 4
    image[:, 12, 28] = 1
    config = dataclasses.replace(CONFIG, gradient_normalise=normalise, patches=patches)
    seen = {1: [], 2: []}

    class Recorder(Enhancer):
        def __call__(self, stage, features, gradient):
            seen[stage].append(gradient)
            return super().__call__(stage, features, gradient)

    backbone = MPRNetConfig(
        num_features=4, unet_features=2, orsnet_features=2, num_cabs=1, num_level_cabs=1
    )
    model = mprnet(backbone, Layout(stack_patches=stacked), Recorder(config))
    shown = keras.Model(model.input, seen)(image)
    whole = gradient_map(image, normalise).numpy()
    halves = [whole[:, :8], whole[:, 8:]]
    quarters = [
        half[:, :, side] for half in halves for side in (np.s_[:16], np.s_[16:])
    ]
    expected = [quarters, halves] if patches == "apart" else [halves, [whole]]
    for stage in (1, 2):
        np.testing.assert_allclose(
            np.concatenate(shown[stage]), np.concatenate(expected[stage - 1]), atol=1e-6
        )


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
    features, gradient = keras.Input((3, 5, 4)), keras.Input((12, 20, 3))
    outputs = [enhance(stage, features, gradient) for stage in (1, 1, 2)]
    model = keras.Model([features, gradient], outputs)
    names = [layer.name for layer in model.layers if layer.name.startswith("egn_")]
    assert sorted(names) == ["egn_stage1", "egn_stage2"]
    assert model.count_params() == 2 * egn(4, CONFIG, 4).count_params()
    for y in model(inputs):
        np.testing.assert_array_equal(y, inputs[0])
