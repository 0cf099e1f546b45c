import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.models import Layout, MPRNetConfig, transfer_weights
from egnet_tf.models.mprnet import mprnet
from helpers import FunctionEnhancer

NARROW = MPRNetConfig(
    num_features=4, unet_features=2, orsnet_features=2, num_cabs=1, num_level_cabs=1
)
STRIDED = dataclasses.replace(NARROW, stem_stride=2)
STAGES = ["stage3", "stage2", "stage1"]


@pytest.fixture(scope="module")
def network(randomise):
    return randomise(mprnet(NARROW))


@pytest.fixture(scope="module")
def image(images):
    return images(2, 16, 24, 3)


@pytest.mark.parametrize("config", [NARROW, STRIDED], ids=["full size", "strided"])
def test_new_mprnet_returns_its_input(config, images):
    image = images(1, 16, 32, 3)
    stages = mprnet(dataclasses.replace(config, activation="relu"))(image)
    assert list(stages) == STAGES
    for stage in stages.values():
        assert stage.dtype == tf.float32
        np.testing.assert_array_equal(stage, image)


def test_mprnet_restores_images_of_a_batch_independently(network, image):
    # Patches lie on the batch axis: one that lands in the wrong place shows here.
    together = network(image)
    for i in range(2):
        for name, stage in network(image[i : i + 1]).items():
            np.testing.assert_allclose(together[name][i], stage[0], atol=1e-5)


def changed(network, image, where):
    """Which pixels of each stage change with some pixels of the image."""
    other = image.copy()
    other[where] = 1 - other[where]
    before, after = network(image), network(other)
    return {name: np.any(before[name] != after[name], axis=(0, 3)) for name in STAGES}


def test_mprnet_stage_1_sees_halves_and_the_others_the_whole(network, images):
    image = images(1, 32, 32, 3)
    moved = changed(network, image, np.s_[:, 30:, 30:])
    assert not moved["stage1"][:16].any()
    # The two quarters of a half meet where they are decoded.
    assert moved["stage1"][16:, :16].any()
    assert moved["stage2"][:16].any()
    assert moved["stage3"][:16].any()


@pytest.mark.parametrize("apart", [False, True])
def test_mprnet_encodes_quarters_and_halves(apart, images):
    calls = []

    def enhance(stage, features, image):
        calls.append((stage, tuple(features.shape), tuple(image.shape)))
        return features

    layout = Layout(image_size=(16, 32), batch_size=1, stack_patches=False)
    mprnet(NARROW, layout, FunctionEnhancer(enhance, apart))
    # At a quarter of the resolution, of what the encoder has seen or the decoder will.
    if apart:
        quarter, half = (
            (1, (1, 2, 4, 8), (1, 8, 16, 3)),
            (2, (1, 2, 8, 8), (1, 8, 32, 3)),
        )
        assert calls == 4 * [quarter] + 2 * [half]
    else:
        half, whole = (
            (1, (1, 2, 8, 8), (1, 8, 32, 3)),
            (2, (1, 4, 8, 8), (1, 16, 32, 3)),
        )
        assert calls == [half, half, whole]


def test_mprnet_enhance_receives_stacked_patches_behind_a_strided_stem(images):
    calls = {}

    def enhance(stage, features, image):
        calls[stage] = (features, image)
        return keras.layers.Rescaling(1.0, offset=1.0)(features)

    model = mprnet(STRIDED, enhance=FunctionEnhancer(enhance))
    probe = keras.Model(model.input, calls)
    seen = probe(images(3, 16, 32, 3))
    assert [tuple(x.shape) for x in seen[1]] == [(6, 1, 4, 8), (6, 8, 32, 3)]
    assert [tuple(x.shape) for x in seen[2]] == [(3, 2, 4, 8), (3, 16, 32, 3)]
    top = images(3, 16, 32, 3)[:, :8]
    np.testing.assert_array_equal(seen[1][1][:3], top)


def test_mprnet_decodes_what_enhance_returns(randomise, image):
    plain = randomise(mprnet(NARROW))
    for stage in (1, 2):
        enhanced = mprnet(
            NARROW,
            enhance=FunctionEnhancer(
                lambda s, x, _, stage=stage: x * (0.0 if s == stage else 1.0)
            ),
        )
        transfer_weights(plain, enhanced)
        before, after = plain(image), enhanced(image)
        moved = [name for name in STAGES if not np.allclose(before[name], after[name])]
        assert moved == STAGES[: 4 - stage]


def test_mprnet_is_the_same_with_patches_stacked_and_apart(network, image):
    apart = mprnet(NARROW, Layout(stack_patches=False))
    transfer_weights(network, apart)
    stacked, apart = network(image), apart(image)
    for name in STAGES:
        assert np.abs(stacked[name] - image).max() > 0.05
        np.testing.assert_allclose(apart[name], stacked[name], atol=1e-5)


def test_mprnet_of_a_fixed_size_and_batch_is_the_same(network, image):
    fixed = mprnet(NARROW, Layout(image_size=(16, 24), batch_size=2))
    assert fixed.input.shape == (2, 16, 24, 3)
    assert all(stage.shape == (2, 16, 24, 3) for stage in fixed.output.values())
    transfer_weights(network, fixed)
    for name, stage in fixed(image).items():
        np.testing.assert_allclose(stage, network(image)[name], atol=1e-6)


def test_mprnet_shares_one_slope(network):
    slopes = [v for v in network.trainable_variables if v.shape == (1,)]
    assert len(slopes) == 1
    relu = mprnet(dataclasses.replace(NARROW, activation="relu"))
    assert relu.count_params() == network.count_params() - 1


def test_mprnet_has_no_biases(network):
    assert all(len(v.shape) == 4 for v in network.weights if v.shape != (1,))


@pytest.mark.parametrize(
    "config, size, multiple", [(NARROW, (16, 20), 8), (STRIDED, (16, 24), 16)]
)
def test_mprnet_refuses_a_size_that_is_not_a_multiple(config, size, multiple):
    with pytest.raises(ValueError, match=f"multiples of {multiple}. Received: .16, "):
        mprnet(config, Layout(image_size=size))
