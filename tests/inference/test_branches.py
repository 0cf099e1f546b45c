import numpy as np
import pytest
import tensorflow as tf
from skimage.transform import downscale_local_mean, resize

from egnet_tf.errors import InputError
from egnet_tf.inference.branches import (
    BRANCHES,
    PAPER_BRANCHES,
    branch_images,
    checked_branches,
    shrinkage,
)
from helpers import random_image


@pytest.fixture
def images():
    return random_image((2, 16, 24, 3), dtype=np.float32)


def test_splits_transform_as_their_names_say(images):
    split = {name: np.asarray(BRANCHES[name].split(images)) for name in BRANCHES}
    half = [downscale_local_mean(image, (2, 2, 1)) for image in images]
    np.testing.assert_allclose(split["half"], half, atol=1e-6)
    np.testing.assert_array_equal(split["whole"], images)
    quarters = np.concatenate(
        [images[:, r : r + 8, c : c + 12] for r in (0, 8) for c in (0, 12)]
    )
    np.testing.assert_array_equal(split["quarters"], quarters)
    np.testing.assert_array_equal(split["flip_horizontal"], images[:, :, ::-1])
    np.testing.assert_array_equal(split["flip_vertical"], images[:, ::-1])
    np.testing.assert_array_equal(
        split["rotate180"], np.rot90(images, 2, axes=(1, 2)), strict=True
    )


def test_identity_network_returns_the_image_from_every_branch(images):
    restored = dict(
        zip(BRANCHES, branch_images(lambda x: x, images, tuple(BRANCHES)), strict=True)
    )
    half = [downscale_local_mean(image, (2, 2, 1)) for image in images]
    doubled = [resize(image, (16, 24), order=1, mode="edge") for image in half]
    np.testing.assert_allclose(restored.pop("half"), doubled, atol=1e-5)
    for image in restored.values():
        np.testing.assert_array_equal(image, images)


def test_network_sees_every_branch_in_order(images):
    shapes = []

    def network(image):
        shapes.append(tuple(image.shape))
        return image

    branch_images(network, images, ["quarters", "half", "rotate180"])
    assert shapes == [(8, 8, 12, 3), (2, 8, 12, 3), (2, 16, 24, 3)]


def test_graphs_of_unknown_and_of_known_size_agree_with_eager(images):
    def restore(image):
        return branch_images(lambda x: x * x, image)

    free = tf.TensorSpec((None, None, None, 3), tf.float32)
    eager = restore(tf.constant(images))
    for spec in (free, tf.TensorSpec(images.shape, tf.float32)):
        graph = tf.function(restore, input_signature=[spec]).get_concrete_function()
        for one, other in zip(graph(tf.constant(images)), eager, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
    assert [tuple(output.shape) for output in graph.outputs] == [images.shape] * 3


def test_shrinkage_is_that_of_the_smallest_branch():
    assert shrinkage(PAPER_BRANCHES) == 2
    assert shrinkage(["whole", "rotate180"]) == 1


@pytest.mark.parametrize("names", [[], ["half", "half"], ["whole", "third"]])
def test_invalid_lists_of_branches_are_refused(names):
    with pytest.raises(InputError, match="Received: "):
        checked_branches(names)


def test_flip_branches_are_both_flips_and_their_rotation():
    names = ("whole", "flip_horizontal", "flip_vertical", "rotate180")
    assert checked_branches(["whole", "flips"]) == names
