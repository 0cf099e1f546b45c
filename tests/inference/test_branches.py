import math

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage.transform import downscale_local_mean, resize

from egnet_tf.errors import InputError
from egnet_tf.inference.branches import (
    BRANCHES,
    PAPER_BRANCHES,
    branch_images,
    checked_branches,
    chosen_fusion,
    find_branch,
    result_branches,
    shrinkage,
)
from helpers import random_image

# What Pillow calls the views, and how it undoes each.
_PILLOW = {
    "whole": None,
    "flip_horizontal": Image.Transpose.FLIP_LEFT_RIGHT,
    "flip_vertical": Image.Transpose.FLIP_TOP_BOTTOM,
    "rotate180": Image.Transpose.ROTATE_180,
    "rotate90": Image.Transpose.ROTATE_90,
    "rotate270": Image.Transpose.ROTATE_270,
    "transpose": Image.Transpose.TRANSPOSE,
    "transverse": Image.Transpose.TRANSVERSE,
}


@pytest.fixture
def images():
    return random_image((2, 16, 24, 3), dtype=np.float32)


def seen_and_restored(name, images, size_multiple=4):
    """What the network gets of a branch, and what comes back of an unchanged image."""
    seen = []

    def network(image):
        seen.append(np.asarray(image))
        return image

    (restored,) = branch_images(network, images, [name], size_multiple=size_multiple)
    return seen[0], np.asarray(restored)


@pytest.mark.parametrize("name", _PILLOW)
def test_eight_views_are_those_of_pillow_and_are_undone(name):
    photo = random_image((24, 16, 3))
    seen, restored = seen_and_restored(name, photo[None])
    view = Image.fromarray(photo)
    view = view if _PILLOW[name] is None else view.transpose(_PILLOW[name])
    np.testing.assert_array_equal(seen[0], np.asarray(view))
    np.testing.assert_array_equal(restored[0], photo)


def test_eight_views_are_all_different(images):
    views = checked_branches(["eight_views"])
    square = images[:, :16, :16]
    seen = {seen_and_restored(name, square)[0].tobytes() for name in views}
    assert len(views) == len(seen) == 8 and set(views) == set(_PILLOW)


def test_papers_branches_are_half_the_size_whole_and_quarters(images):
    seen, restored = seen_and_restored("half", images)
    half = [downscale_local_mean(image, (2, 2, 1)) for image in images]
    np.testing.assert_allclose(seen, half, atol=1e-6)
    doubled = [resize(image, (16, 24), order=1, mode="edge") for image in half]
    np.testing.assert_allclose(restored, doubled, atol=1e-5)
    seen, restored = seen_and_restored("quarters", images)
    quarters = np.concatenate(
        [images[:, r : r + 8, c : c + 12] for r in (0, 8) for c in (0, 12)]
    )
    np.testing.assert_array_equal(seen, quarters)
    np.testing.assert_array_equal(restored, images)


def test_scale_of_one_half_is_the_branch_half(images):
    for one, other in zip(
        seen_and_restored("scale0.5", images),
        seen_and_restored("half", images),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("factor", [0.25, 0.75, 0.9])
def test_smaller_scales_are_means_over_areas(images, factor):
    seen, restored = seen_and_restored(f"scale{factor}", images)
    height, width = (max(math.floor(n * factor / 4 + 0.5), 1) * 4 for n in (16, 24))
    for image, small, large in zip(images, seen, restored, strict=True):
        size = (width, height)
        expected = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        np.testing.assert_allclose(small, expected, atol=1e-5)
        expected = resize(small, (16, 24), order=1, mode="edge")
        np.testing.assert_allclose(large, expected, atol=1e-5)


def test_larger_scales_are_bilinear_and_come_back_by_means(images):
    seen, restored = seen_and_restored("scale1.5", images)
    expected = [resize(image, (24, 36), order=1, mode="edge") for image in images]
    np.testing.assert_allclose(seen, expected, atol=1e-5)
    expected = [cv2.resize(x, (24, 16), interpolation=cv2.INTER_AREA) for x in seen]
    np.testing.assert_allclose(restored, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["scale0.7", "scale0.1", "scale1.3", "scale4"])
def test_network_gets_sizes_that_it_takes(images, name):
    seen, restored = seen_and_restored(name, images, size_multiple=8)
    assert not seen.shape[1] % 8 and not seen.shape[2] % 8
    assert restored.shape == images.shape


def test_network_sees_every_branch_in_order(images):
    shapes = []

    def network(image):
        shapes.append(tuple(image.shape))
        return image

    branches = ["quarters", "half", "rotate180", "rotate90"]
    branch_images(network, images, branches, size_multiple=4)
    assert shapes == [(8, 8, 12, 3), (2, 8, 12, 3), (2, 16, 24, 3), (2, 24, 16, 3)]


def test_results_of_other_methods_are_not_restored_again():
    stack = random_image((1, 8, 8, 9), dtype=np.float32)
    names = result_branches(["SRN", "BANet", "MPRNet"])
    found = branch_images(lambda _: 1 / 0, stack, names, size_multiple=8)
    assert [name.removeprefix("result:") for name in names] == [
        "BANet",
        "MPRNet",
        "SRN",
    ]
    for index, image in enumerate(found):
        np.testing.assert_array_equal(image, stack[..., 3 * index : 3 * index + 3])


def test_graphs_of_unknown_and_of_known_size_agree_with_eager(images):
    names = ("half", "whole", "quarters", "rotate90", "scale0.6", "scale1.3")

    def restore(image):
        return branch_images(lambda x: x * x, image, names, size_multiple=4)

    free = tf.TensorSpec((None, None, None, 3), tf.float32)
    eager = restore(tf.constant(images))
    for spec in (free, tf.TensorSpec(images.shape, tf.float32)):
        graph = tf.function(restore, input_signature=[spec]).get_concrete_function()
        for one, other in zip(graph(tf.constant(images)), eager, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
    assert [tuple(output.shape) for output in graph.outputs] == [images.shape] * 6


def test_shrinkage_is_that_of_the_smallest_branch():
    assert shrinkage(PAPER_BRANCHES) == 2
    assert shrinkage(["whole", "rotate180", "scale0.75"]) == 1


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["half", "half"],
        ["whole", "third"],
        ["scale0.5", "scale0.50"],
        *(["scale"], ["scale0"], ["scale-1"], ["scale9"], ["scalenan"], ["scale1e0"]),
        ["result:SRN"],
    ],
)
def test_invalid_sets_of_branches_are_refused(names):
    with pytest.raises(InputError, match="Received: "):
        checked_branches(names)


def test_branches_are_a_set():
    names = ["scale1.5", "quarters", "flips", "scale.75", "half", "whole"]
    ordered = checked_branches(names)
    assert ordered == (
        *("half", "whole", "quarters", "flip_horizontal", "flip_vertical"),
        *("rotate180", "scale.75", "scale1.5"),
    )
    assert checked_branches(names[::-1]) == ordered
    assert checked_branches(["flips", "eight_views"]) == checked_branches(
        ["eight_views"]
    )
    assert ordered[:3] == PAPER_BRANCHES == checked_branches(PAPER_BRANCHES)


def test_only_views_and_flips_keep_a_square():
    keeping = {name for name in BRANCHES if find_branch(name).keeps_square}
    assert keeping == set(_PILLOW)
    assert not find_branch("scale1.1").keeps_square


@pytest.mark.parametrize(
    ("branches", "fuse", "expected"),
    [
        (None, None, (("b", "a"), True)),
        (None, "mean", (("b", "a"), False)),
        (["quarters", "half"], None, (("half", "quarters"), False)),
        (["whole", "half"], None, (("half", "whole"), False)),
    ],
)
def test_the_network_fuses_what_it_was_trained_for(branches, fuse, expected):
    assert chosen_fusion(branches, ("b", "a"), fuse) == expected


def test_any_order_of_the_trained_branches_is_fused_in_that_of_the_network():
    trained = ("whole", "half", "quarters")
    for names in (trained, trained[::-1], PAPER_BRANCHES):
        assert chosen_fusion(names, trained, None) == (trained, True)
        assert chosen_fusion(names, trained, "trained") == (trained, True)
        assert chosen_fusion(names, trained, "mean") == (trained, False)


@pytest.mark.parametrize(
    ("branches", "trained", "fuse"),
    [
        (["whole", "half"], PAPER_BRANCHES, "trained"),
        (["whole"], (), "trained"),
        (None, (), "trained"),
        (None, (), "mean"),
    ],
)
def test_fusion_that_cannot_be_is_refused(branches, trained, fuse):
    with pytest.raises(InputError, match=r"--fuse.*Received: "):
        chosen_fusion(branches, trained, fuse)
