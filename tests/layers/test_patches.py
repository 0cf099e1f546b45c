import keras
import numpy as np
import pytest

from egnet_tf.layers import HalvePatches, JoinPatches, Patches, TakeHalf


@pytest.fixture
def images():
    """Two images, every value of them different."""
    return np.arange(2 * 4 * 8 * 3, dtype=np.float32).reshape(2, 4, 8, 3)


def quarters(x):
    """Top left, top right, bottom left, bottom right: each over the whole batch."""
    return [x[:, :2, :4], x[:, :2, 4:], x[:, 2:, :4], x[:, 2:, 4:]]


def test_halve_patches_puts_all_second_halves_after_all_first_halves(images):
    halves = HalvePatches(1, "height")(images)
    expected = np.concatenate([images[:, :2], images[:, 2:]])
    np.testing.assert_array_equal(halves, expected)
    stack = HalvePatches(2, "width")(halves)
    np.testing.assert_array_equal(stack, np.concatenate(quarters(images)))


def test_join_undoes_halve(images):
    for axis in ("height", "width"):
        twice = HalvePatches(2, axis)(HalvePatches(1, axis)(images))
        np.testing.assert_array_equal(
            JoinPatches(2, axis)(JoinPatches(4, axis)(twice)), images
        )


def test_take_half_returns_one_half_of_each_patch(images):
    np.testing.assert_array_equal(TakeHalf(0, "height")(images), images[:, :2])
    np.testing.assert_array_equal(TakeHalf(1, "width")(images), images[:, :, 4:])


@pytest.mark.parametrize("stacked", [True, False])
def test_patch_hierarchy_is_the_same_stacked_and_apart(stacked, images):
    image = keras.Input((4, 8, 3))
    level = Patches.whole(image, stacked=stacked).halve("height").halve("width")
    assert level.count == 4
    assert len(level.tensors) == (1 if stacked else 4)
    assert level.tensors[0].shape == (None, 2, 4, 3)
    # A function of two levels with two results, then back to the whole.
    same, total = level.map(
        lambda a, b: (a, keras.layers.Add()([a, b])), level.map(lambda a: a)
    ).unzip()
    joined = [p.join_all() for p in (same, total)]
    assert joined[0].shape == (None, 4, 8, 3)
    model = keras.Model(image, [*level.tensors, *joined])

    *patches, back, twice = model(images)
    np.testing.assert_array_equal(
        np.concatenate(patches), np.concatenate(quarters(images))
    )
    np.testing.assert_array_equal(back, images)
    np.testing.assert_array_equal(twice, 2 * images)


def test_patches_work_at_sizes_unknown_to_the_graph(images):
    image = keras.Input((None, None, 3))
    halves = Patches.whole(image, stacked=True).halve("height")
    assert halves.tensor.shape == (None, None, None, 3)
    model = keras.Model(image, halves.join().tensor)
    np.testing.assert_array_equal(model(images), images)


@pytest.mark.parametrize("stacked", [True, False])
def test_image_patches_stay_float32_under_mixed_precision(stacked):
    # 0.1 and its neighbours are one number in bfloat16.
    images = np.linspace(0.1, 0.1001, 2 * 4 * 8 * 3, dtype=np.float32)
    images = images.reshape(2, 4, 8, 3)
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        image = keras.Input((4, 8, 3))
        level = Patches.whole(image, stacked=stacked).halve("height").join()
    finally:
        keras.mixed_precision.set_global_policy(before)
    model = keras.Model(image, level.tensor)
    np.testing.assert_array_equal(model(images), images)
