import math

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import data

from egnet_tf.images.convert import to_uint8
from egnet_tf.metrics.blur import (
    OFFSETS,
    blur_length,
    blur_level,
    window_features,
    windows,
)
from helpers import random_image


def halved(photo):
    """At half size it is sharp to the pixel."""
    size = photo.shape[1] // 2, photo.shape[0] // 2
    return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BOX))


PHOTOS = {
    "astronaut": halved(data.astronaut()),
    "coffee": halved(data.coffee()),
    "cat": halved(data.chelsea()),
}


def moved(photo, length, axis, linear=2.2):
    """Blurred by even motion along an axis, in linear light, with sensor noise."""
    light = (photo / 255) ** linear
    light = ndimage.uniform_filter1d(light, length, axis=axis, mode="reflect")
    noise = np.random.default_rng(length).normal(0, 1.5 / 255, photo.shape)
    return to_uint8(np.maximum(light, 0) ** (1 / linear) + noise)


@pytest.mark.parametrize("name", list(PHOTOS))
@pytest.mark.parametrize("axis", [0, 1])
def test_length_of_even_motion_is_found(name, axis):
    found = {n: blur_length(moved(PHOTOS[name], n, axis)) for n in (1, 5, 9, 15, 25)}
    assert found[1] < 2.5
    for length in (5, 9, 15, 25):
        # "Wrong by a factor of 1.17 (median), 1.87 (90%)" for a window.
        assert length / 1.6 < found[length] < 1.6 * length, found
    assert sorted(found.values()) == list(found.values())


def test_length_of_a_disc_out_of_focus_is_found():
    radius = 6
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disc = (x**2 + y**2 <= radius**2).astype(float)
    blurry = ndimage.convolve(
        PHOTOS["coffee"].astype(float), (disc / disc.sum())[..., None], mode="reflect"
    )
    assert blur_length(to_uint8(blurry / 255)) == pytest.approx(3**0.5 * 6, rel=0.4)


@pytest.mark.parametrize(
    "changed",
    [
        lambda image: image[::-1],
        lambda image: image[:, ::-1],
        lambda image: image.swapaxes(0, 1),
    ],
)
def test_mirrored_and_transposed_photos_have_the_same_length(changed):
    image = moved(data.astronaut()[:384, :384], 11, 1)
    assert blur_length(changed(image)) == pytest.approx(blur_length(image), rel=1e-9)


def test_types_of_the_same_photo_have_the_same_length():
    image = moved(PHOTOS["cat"], 7, 0)
    expected = blur_length(image)
    assert blur_length(image.astype(np.uint16) * 257) == expected
    assert blur_length(image.astype(np.float32) / 255) == expected
    assert blur_length(image.astype(np.float64) / 255) == expected


@pytest.mark.parametrize(
    "image",
    [
        np.full((300, 300, 3), 128, np.uint8),
        random_image((47, 300, 3)),
        random_image((1, 1, 3)),
    ],
)
def test_no_length_without_detail_or_room(image):
    assert blur_length(image) is None
    assert blur_level(None) == "unknown"


def test_steps_are_the_means_over_all_pairs():
    luma = random_image((60, 100), seed=2).astype(np.int32)
    steps = np.empty((2, 4, 11))
    for direction, offsets in enumerate(OFFSETS):
        for index, (down, right) in enumerate(offsets):
            if max(down, abs(right)) > 30:
                steps[:, direction, index] = steps[:, direction, index - 1]
                continue
            pairs = [
                abs(int(luma[y + down, x + right]) - int(luma[y, x]))
                for y in range(60 - down)
                for x in range(max(0, -right), 100 - max(0, right))
            ]
            steps[0, direction, index] = math.fsum(pairs) / len(pairs)
            fourth = math.fsum(e**4 for e in pairs) / len(pairs)
            steps[1, direction, index] = fourth**0.25
    logs = np.log(steps + 0.25)
    for one in (0, 2):
        rise, other = (logs[0, k, 1] - logs[0, k, 5] for k in (one, one + 1))
        if other < rise:
            logs[:, [one, one + 1]] = logs[:, [one + 1, one]]
    level = logs[:, :, -1].mean(axis=1)
    expected = [*(logs - level[:, None, None]).ravel(), level[0]]
    np.testing.assert_allclose(window_features(luma), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("size", "count"),
    [((192, 192), 1), ((193, 192), 2), ((100, 600), 4), ((3000, 4000), 36)],
)
def test_windows_reach_from_border_to_border(size, count):
    height, width = size
    image = np.zeros((*size, 3), np.uint8)
    image[-1], image[:, -1] = 255, 255
    found = windows(image)
    assert len(found) == count
    assert found[0].shape == (min(height, 192), min(width, 192))
    assert (found[-1][-1] == 255).all() and (found[-1][:, -1] == 255).all()


def test_luma_is_rounded():
    image = np.array([[[255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]])
    luma = windows(np.broadcast_to(image.astype(np.uint8), (1, 4, 3)))[0]
    np.testing.assert_array_equal(luma, [[255, 77, 149, 29]])


def test_levels_are_in_order():
    levels = [blur_level(length) for length in (1.0, 2.9, 3.1, 11.9, 12.1, 80.0)]
    assert levels == ["none", "none", "mild", "mild", "strong", "strong"]
