import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.models import VARIANTS, Variant, build, transfer_weights, variant


@pytest.fixture(scope="module")
def network(randomise):
    return randomise(build("egnet_testing"))


@pytest.fixture(scope="module")
def image(images):
    return images(2, 16, 24, 3)


def assert_same(actual, expected, atol=1e-6):
    assert list(actual) == list(expected)
    for name, stage in expected.items():
        np.testing.assert_allclose(actual[name], stage, atol=atol)


def test_new_variant_returns_its_input(image):
    for stage in build("egnet_testing")(image).values():
        assert stage.dtype == tf.float32
        np.testing.assert_array_equal(stage, image)


def test_variant_has_egn_in_stages_1_and_2(network):
    names = [layer.name for layer in network.layers if layer.name.startswith("egn_")]
    assert sorted(names) == ["egn_stage1", "egn_stage2"]
    plain = dataclasses.replace(variant("egnet_testing"), egn=None)
    parts = sum(network.get_layer(name).count_params() for name in names)
    assert parts + build(plain).count_params() == network.count_params()


def test_backbone_weights_load_into_the_network_with_egn(network, image, randomise):
    plain = dataclasses.replace(variant("egnet_testing"), egn=None)
    backbone = randomise(build(plain))
    whole = build("egnet_testing")
    transfer_weights(backbone, whole)
    # EGN starts as the identity: training it begins at the backbone's quality.
    assert_same(whole(image), backbone(image))
    with pytest.raises(ValueError, match="egn_stage"):
        transfer_weights(network, backbone)


def test_unstacked_patches_give_the_same_network(network, image):
    apart = build("egnet_testing", stack_patches=False)
    transfer_weights(network, apart)
    assert_same(apart(image), network(image), atol=1e-5)


@pytest.mark.slow
def test_network_survives_cloning_and_keras_files(network, image, tmp_path):
    clone = keras.models.clone_model(network)
    clone.set_weights(network.get_weights())
    assert_same(clone(image), network(image))
    network.save(tmp_path / "network.keras")
    assert_same(
        keras.models.load_model(tmp_path / "network.keras")(image), network(image)
    )


def values_and_gradients(network, image):
    with tf.GradientTape() as tape:
        stages = network(image, training=True)
        value = tf.add_n([tf.reduce_mean(stage**2) for stage in stages.values()])
    return [value, *tape.gradient(value, network.trainable_variables)]


@pytest.mark.slow
def test_recompute_changes_neither_values_nor_gradients(network, image):
    forgetful = build("egnet_testing", recompute=True)
    forgetful.set_weights(network.get_weights())
    expected = values_and_gradients(network, image)
    graph = tf.function(lambda: values_and_gradients(forgetful, image))
    for actual in (values_and_gradients(forgetful, image), graph()):
        for a, b in zip(actual, expected, strict=True):
            scale = max(1.0, np.abs(b).max())
            np.testing.assert_allclose(a / scale, b / scale, atol=1e-5)


@pytest.mark.slow
def test_same_seed_gives_the_same_weights():
    def weights(seed):
        keras.utils.set_random_seed(seed)
        return build("egnet_testing").get_weights()

    first, second, other = weights(1), weights(1), weights(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("layout", [{}, {"stack_patches": False, "recompute": True}])
def test_variant_has_float32_outputs_under_mixed_precision(
    layout, network, image, mixed_precision
):
    mixed = build("egnet_testing", **layout)
    for stage in mixed(image).values():
        # Images pass unrounded: a new network still returns its input exactly.
        assert stage.dtype == tf.float32
        np.testing.assert_array_equal(stage, image)
    transfer_weights(network, mixed)
    assert all(v.dtype == "float32" for v in mixed.trainable_variables)
    for name, stage in mixed(image).items():
        change = network(image)[name] - image
        error = np.abs(stage - network(image)[name])
        # bfloat16 has 8 bits: a few hundredths of what the network adds.
        assert error.max() < 0.1 * np.abs(change).max()
    gradients = values_and_gradients(mixed, image)
    assert all(np.isfinite(g).all() and g.dtype == tf.float32 for g in gradients)


def test_egn_receives_an_unrounded_image_under_mixed_precision(
    network, image, mixed_precision
):
    mixed = build("egnet_testing")
    maps = []
    for model in (network, mixed):
        probe = keras.Model(model.input, model.get_layer("gradient_map").output)
        maps.append(probe(image))
    np.testing.assert_array_equal(*maps)


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_round_trip_through_json(name):
    again = Variant.from_json(json.loads(json.dumps(VARIANTS[name].to_json())))
    assert again == VARIANTS[name]


def test_size_multiple_is_that_of_the_builder():
    for name in ("egnet_testing", "egnet_tiny"):
        multiple = variant(name).size_multiple
        build(name, image_size=(multiple, 3 * multiple))
        with pytest.raises(ValueError, match=f"as multiples of {multiple}. Received"):
            build(name, image_size=(multiple + multiple // 2, multiple))


def test_unknown_variant_is_refused():
    with pytest.raises(InputError, match=r"Expected a variant of .*egnet.*: vgg$"):
        build("vgg")
