"""Every layer can be rebuilt from its configuration, as Keras' own files do it."""

import keras
import numpy as np
import pytest

from egnet_tf import layers
from egnet_tf.layers.residual import ResidualBlock
from egnet_tf.models.egn import ImplicitInput
from egnet_tf.models.self_ensemble import WeightedSum

FEATURES = (2, 4, 6, 4)
# No argument has its default: one that a configuration forgets is noticed.
LAYERS = [
    (layers.GlobalPool(name="pool"), FEATURES),
    (layers.GradientMap(name="gradient"), (2, 4, 6, 3)),
    (layers.HalvePatches(2, "width"), FEATURES),
    (layers.JoinPatches(2, "width"), FEATURES),
    (
        layers.PositionAttention(
            4, 3, 2, residual=True, scaled=True, key_pool=2, block=5
        ),
        FEATURES,
    ),
    (
        layers.ResidualChannelAttention(
            4, reduction=2, gate="linear", use_bias=True, recompute=True
        ),
        FEATURES,
    ),
    (ResidualBlock(4, recompute=True), FEATURES),
    (layers.NAFBlock(4, recompute=True), FEATURES),
    (layers.ResidualSpatialAttention(4, kernel_size=3, recompute=True), FEATURES),
    (layers.SharedSlope(initial=0.1), FEATURES),
    (layers.SupervisedAttention(4, stride=2, unfold=True), (FEATURES, (2, 8, 12, 3))),
    (layers.TakeHalf(1, "width"), FEATURES),
    (layers.UnfoldedConv2DTranspose(3, 2, strides=2, use_bias=False), FEATURES),
    (layers.Upsample("nearest"), FEATURES),
    (ImplicitInput("mul", 0.2), FEATURES),
    (WeightedSum(name="sum"), ((2, 4, 6, 2), (2, 4, 6, 3), (2, 4, 6, 3))),
]


@pytest.mark.parametrize("layer, shapes", LAYERS, ids=lambda x: type(x).__name__)
def test_layers_round_trip_through_their_configuration(layer, shapes, features):
    many = isinstance(shapes[0], tuple)
    x = [features(*s) for s in shapes] if many else features(*shapes)
    expected = layer(x)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    again(x)
    again.set_weights(layer.get_weights())
    actual = again(x)
    if not isinstance(expected, tuple):
        expected, actual = (expected,), (actual,)
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("layer, shapes", LAYERS, ids=lambda x: type(x).__name__)
def test_computed_output_shapes_are_the_real_ones(layer, shapes, features):
    many = isinstance(shapes[0], tuple)
    y = layer([features(*s) for s in shapes] if many else features(*shapes))
    promised = layer.compute_output_shape(list(shapes) if many else shapes)
    if isinstance(y, tuple):
        assert promised == tuple(tuple(part.shape) for part in y)
    else:
        assert tuple(promised) == tuple(y.shape)


def test_serialisation_covers_every_layer():
    tested = {type(layer) for layer, _ in LAYERS}
    registered = {
        value
        for value in keras.saving.get_custom_objects().values()
        if value.__module__.startswith("egnet_tf.layers")
    }
    assert registered and registered <= tested
