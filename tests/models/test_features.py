import numpy as np
import pytest

from egnet_tf.layers import gradient_map
from egnet_tf.models import (
    DMPHNConfig,
    EGNConfig,
    LoadedModel,
    MIMOUNetConfig,
    Variant,
    build,
    build_ensemble,
    egn_features,
    ensemble_weights,
    finest,
    last_features,
    variant,
)

LAST = {
    "egnet_testing": "stage3_tail",
    "dmphn": "stage4_decoder_conv",
    "mimo_unet": "stage3_tail",
}


def trained(which, randomise):
    network = randomise(build(which), stddev=0.3)
    return LoadedModel(which, network, ensemble=None, branches=(), crop=32)


@pytest.mark.parametrize("name", LAST)
def test_last_features_give_the_restored_image_by_one_convolution(
    name, randomise, images
):
    network = randomise(build(name), stddev=0.05)
    image = images(1, 16, 32, 3)
    features = last_features(network)(image)
    residual = network.get_layer(LAST[name])(features)
    # DMPHN centres its images and does not add its last residual to them.
    expected = residual + (0.5 if name == "dmphn" else image)
    np.testing.assert_allclose(finest(network(image)), expected, atol=1e-5)


def test_features_are_found_behind_a_strided_stem(images):
    image = images(2, 32, 64, 3)
    assert last_features(build("egnet_tiny"))(image).shape == (2, 8, 16, 40)


def test_features_around_egn_are_those_of_the_whole_image(randomise, images):
    model = trained(variant("egnet_testing"), randomise)
    network, image = model.network, np.asarray(images(1, 32, 48, 3))
    gradient = gradient_map(image)[0].numpy()
    found = egn_features(model, image)
    assert list(found) == [1, 2]
    for stage, (before, after) in found.items():
        assert before.shape == after.shape == (8, 12, before.shape[-1])
        egn = network.get_layer(f"egn_stage{stage}")
        # Halves in stage 2, in stage 1 the left and right of each, as encoded.
        parts, maps = np.split(before, 2), np.split(gradient, 2)
        if stage == 1:
            parts, maps = (
                [q for half in halves for q in np.split(half, 2, axis=1)]
                for halves in (parts, maps)
            )
        expected = [
            egn([x[None], part[None]])[0] for x, part in zip(parts, maps, strict=True)
        ]
        if stage == 1:
            pairs = zip(expected[::2], expected[1::2], strict=True)
            expected = [np.concatenate(pair, axis=1) for pair in pairs]
        largest = np.abs(after).max()
        np.testing.assert_allclose(after, np.concatenate(expected), atol=1e-5 * largest)
        assert np.abs(after - before).max() > 1e-2 * largest


@pytest.mark.parametrize(
    "config, stages",
    [(DMPHNConfig(num_features=2), [1, 2, 3, 4]), (MIMOUNetConfig(4, 1), [1])],
)
def test_every_backbone_names_the_features_around_egn(config, stages, images):
    egn = EGNConfig(filters=4, num_modules=1, key_filters=2)
    network = build(Variant(config, egn), features=True, stack_patches=False)
    outputs = network(images(2, 16, 32, 3))
    named = {f"egn_stage{n}_{where}" for n in stages for where in ("before", "after")}
    assert named <= outputs.keys()
    assert finest(outputs).shape == (2, 16, 32, 3)
    for name in named:
        assert outputs[name].shape == (2, 4, 8, 4 * config.num_features)


def test_network_without_egn_has_no_features_around_it(images, randomise):
    model = trained(Variant(DMPHNConfig(num_features=2)), randomise)
    assert egn_features(model, np.asarray(images(1, 16, 16, 3))) == {}


def test_ensemble_weights_give_the_weighted_sum(randomise, images):
    ensemble = randomise(build_ensemble("egnet_testing"), stddev=0.3)
    branches = list(images(3, 1, 8, 12, 3))
    weights = np.asarray(ensemble_weights(ensemble)(branches))
    assert weights.shape == (1, 8, 12, 3) and np.ptp(weights) > 0.01
    expected = np.einsum("bhwn,nbhwc->bhwc", weights, np.stack(branches))
    np.testing.assert_allclose(ensemble(branches), expected, atol=1e-5)
