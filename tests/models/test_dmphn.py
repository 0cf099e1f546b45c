import keras
import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.models import DMPHNConfig, Layout, build, finest, transfer_weights
from egnet_tf.models.dmphn import dmphn
from helpers import FunctionEnhancer

NARROW = DMPHNConfig(num_features=2)


@pytest.fixture(scope="module")
def network(randomise):
    return randomise(dmphn(NARROW), stddev=0.3)


@pytest.fixture(scope="module")
def image(images):
    return images(2, 32, 48, 3)


def test_dmphn_has_the_published_parameters():
    assert build("dmphn").count_params() == 7_232_524


def test_dmphn_restores_an_image_of_the_same_size(network, image):
    outputs = network(image)
    assert list(outputs) == ["stage4"]
    assert finest(outputs).shape == image.shape
    assert finest(outputs).dtype == tf.float32


def test_dmphn_is_centred_at_grey(randomise):
    # Without biases, and at 0.5 everywhere, there is nothing to convolve.
    network = randomise(dmphn(NARROW))
    for layer in network.layers:
        layer.set_weights([w * (w.ndim > 1) for w in layer.get_weights()])
    grey = np.full((1, 16, 16, 3), 0.5, np.float32)
    np.testing.assert_array_equal(network(grey)["stage4"], grey)


def test_dmphn_restores_images_of_a_batch_independently(network, image):
    together = network(image)["stage4"]
    for i in range(2):
        alone = network(image[i : i + 1])["stage4"]
        np.testing.assert_allclose(together[i], alone[0], atol=1e-5)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("layout", [{}, {"stack_patches": False, "recompute": True}])
def test_dmphn_enhance_receives_the_patches_of_each_stage(layout, apart, image):
    seen = {}

    def enhance(stage, features, seen_image):
        seen.setdefault(stage, []).append((features, seen_image))
        # New Keras tensors, so that they can be a model's outputs.
        return keras.layers.Rescaling(1.0)(features)

    model = dmphn(NARROW, Layout(**layout), FunctionEnhancer(enhance, apart))
    probe = keras.Model(model.input, [seen[stage] for stage in (1, 2, 3, 4)])
    top, left = np.s_[:, :16], np.s_[:, :, :24]
    bottom, right = np.s_[:, 16:], np.s_[:, :, 24:]
    halves = [image[top], image[bottom]]
    quarters = [half[side] for half in halves for side in (left, right)]
    eighths = [part for q in quarters for part in (q[:, :8], q[:, 8:])]
    expected = [quarters, halves, [image], [image]]
    if apart:
        expected = [eighths, quarters, halves, [image]]
    for patches, calls in zip(expected, probe(image), strict=True):
        features, shown = (np.concatenate(x) for x in zip(*calls, strict=True))
        np.testing.assert_array_equal(shown, np.concatenate(patches))
        count, height, width, _ = shown.shape
        assert features.shape == (count, height // 4, width // 4, 8)


def test_dmphn_decodes_what_enhance_returns(network, image):
    for stage in (1, 4):
        enhanced = dmphn(
            NARROW,
            enhance=FunctionEnhancer(
                lambda s, x, _, stage=stage: x * (0.0 if s == stage else 1.0)
            ),
        )
        transfer_weights(network, enhanced)
        change = enhanced(image)["stage4"] - network(image)["stage4"]
        assert np.abs(change).max() > 1e-3


def test_dmphn_layouts_give_the_same_network(network, image):
    expected = network(image)["stage4"]
    fixed = {"image_size": (32, 48), "batch_size": 2}
    for layout in ({"stack_patches": False, **fixed}, {"recompute": True}):
        other = dmphn(NARROW, Layout(**layout))
        transfer_weights(network, other)
        np.testing.assert_allclose(other(image)["stage4"], expected, atol=1e-5)


def test_dmphn_has_float32_outputs_under_mixed_precision(
    network, image, mixed_precision
):
    mixed = dmphn(NARROW)
    transfer_weights(network, mixed)
    expected = network(image)
    for name, stage in mixed(image).items():
        assert stage.dtype == tf.float32
        # bfloat16 has 8 bits, and these random networks many layers.
        error = np.abs(stage - expected[name]).max()
        assert 0 < error < 0.2 * np.ptp(expected[name])


def test_dmphn_refuses_sizes_it_cannot_split():
    with pytest.raises(ValueError, match=r"multiples of 16\. Received: \(32, 40\)"):
        dmphn(NARROW, Layout(image_size=(32, 40)))


def test_dmphn_with_egn_starts_as_the_backbone(image):
    network = build("dmphn_egn")
    egns = [layer.name for layer in network.layers if layer.name.startswith("egn_")]
    assert sorted(egns) == [f"egn_stage{i}" for i in (1, 2, 3, 4)]
    plain = build("dmphn")
    transfer_weights(plain, network)
    np.testing.assert_allclose(
        network(image)["stage4"], plain(image)["stage4"], atol=1e-6
    )
