import numpy as np
import pytest

from egnet_tf.data.pairs import Pair, Pairs, random_corner, window


class Counted(Pairs):
    """Each pixel is its own position; sharp is blurry + 1 in the last channel."""

    def __init__(self, height, width, count=1):
        self.names = tuple(f"{n}" for n in range(count))
        rows, columns = np.mgrid[:height, :width]
        self.blurry = np.stack([rows, columns, rows * 0], -1).astype(np.uint8)

    def read(self, index):
        return Pair(self.blurry, self.blurry + np.uint8([0, 0, 1]))


def test_both_images_of_a_pair_are_cropped_at_the_same_place():
    rng = np.random.default_rng(0)
    corners = set()
    for _ in range(200):
        pair = Counted(9, 12).crop(0, 8, rng)
        assert pair.blurry.shape == pair.sharp.shape == (8, 8, 3)
        np.testing.assert_array_equal(pair.sharp - pair.blurry, [[[0, 0, 1]] * 8] * 8)
        corners.add(tuple(pair.blurry[0, 0, :2].tolist()))
    assert corners == {(row, column) for row in range(2) for column in range(5)}


def test_small_image_is_mirrored_right_and_below():
    pairs = Counted(5, 7)
    crop = pairs.crop(0, 9, np.random.default_rng(0))
    for cut, whole in zip(crop, pairs.read(0), strict=True):
        expected = np.pad(whole, ((0, 4), (0, 2), (0, 0)), mode="reflect")
        np.testing.assert_array_equal(cut, expected)


@pytest.mark.parametrize("corner", [(-3, -2), (2, 4), (-40, 30), (0, 0)])
def test_window_is_numpys_reflect_padding(corner):
    image = Counted(5, 7).read(0).blurry
    top, left = corner
    padded = np.pad(image, ((50, 50), (50, 50), (0, 0)), mode="reflect")
    expected = padded[50 + top : 59 + top, 50 + left : 61 + left]
    np.testing.assert_array_equal(window(image, top, left, 9, 11), expected)


def test_single_pixel_can_be_mirrored():
    image = np.uint8([[[1, 2, 3]]])
    assert (window(image, -2, -2, 5, 5) == (1, 2, 3)).all()


def test_corner_of_a_window_larger_than_the_image_is_zero():
    assert random_corner(4, 4, 8, np.random.default_rng(0)) == (0, 0)


def test_each_epoch_draws_every_pair_once_in_its_own_order():
    pairs = Counted(4, 4, count=50)
    epochs = [[pairs.draw(e * 50 + n, seed=3) for n in range(50)] for e in range(3)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(50))
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert epochs[0] != [pairs.draw(n, seed=4) for n in range(50)]
    # Asked out of order, the answer is the same.
    assert pairs.draw(107, seed=3) == epochs[2][7]
