import numpy as np
import pytest

from egnet_tf.models import (
    build,
    build_ensemble,
    egn_features,
    ensemble_weights,
    finest,
    last_features,
)

NARROW = {
    "egnet_testing": "stage3_tail",
    "dmphn": "stage4_decoder_conv",
    "mimo_unet": "stage3_tail",
}


@pytest.mark.parametrize("name", NARROW)
def test_the_last_convolution_makes_the_restored_image_of_them(name, randomise, images):
    network = randomise(build(name), stddev=0.05)
    image = images(1, 16, 32, 3)
    features = last_features(network)(image)
    residual = network.get_layer(NARROW[name])(features)
    # DMPHN centres its images and does not add its last residual to them.
    expected = residual + (0.5 if name == "dmphn" else image)
    np.testing.assert_allclose(finest(network(image)), expected, atol=1e-5)


def test_features_behind_a_strided_stem(images):
    image = images(2, 32, 64, 3)
    assert last_features(build("egnet_tiny"))(image).shape == (2, 8, 16, 40)


def test_features_around_egn_are_those_of_the_whole_image(randomise, images):
    network = randomise(build("egnet_testing"), stddev=0.3)
    image = np.asarray(images(1, 32, 48, 3))
    found = egn_features(network, image)
    assert list(found) == [1, 2]
    for stage, (before, after) in found.items():
        assert before.shape == after.shape == (8, 12, before.shape[-1])
        egn = network.get_layer(f"egn_stage{stage}")
        # Stage 1 works on the upper and the lower half.
        parts = np.split(before, 2) if stage == 1 else [before]
        views = np.split(image, 2, axis=1) if stage == 1 else [image]
        pairs = zip(parts, views, strict=True)
        expected = [egn([part[None], view])[0] for part, view in pairs]
        largest = np.abs(after).max()
        np.testing.assert_allclose(after, np.concatenate(expected), atol=1e-5 * largest)
        assert np.abs(after - before).max() > 1e-2 * largest
    # Looking changes nothing.
    np.testing.assert_array_equal(egn_features(network, image)[1].after, found[1].after)


def test_without_egn_there_is_nothing_to_see(images):
    assert egn_features(build("dmphn"), np.asarray(images(1, 16, 16, 3))) == {}


def test_ensemble_weights_give_the_weighted_sum(randomise, images):
    ensemble = randomise(build_ensemble("egnet_testing"), stddev=0.3)
    branches = list(images(3, 1, 8, 12, 3))
    weights = np.asarray(ensemble_weights(ensemble)(branches))
    assert weights.shape == (1, 8, 12, 3) and np.ptp(weights) > 0.01
    expected = np.einsum("bhwn,nbhwc->bhwc", weights, np.stack(branches))
    np.testing.assert_allclose(ensemble(branches), expected, atol=1e-5)
