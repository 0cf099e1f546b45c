import numpy as np
import pytest

from egnet_tf.data import Pair, Pairs
from egnet_tf.errors import InputError
from export.checks.images import calibration_crops, check_pairs


class Images(Pairs):
    """Images whose pixels say where they are."""

    def __init__(self, *sizes):
        self.sizes = sizes
        self.names = tuple(map(str, range(len(sizes))))

    def read(self, index):
        height, width = self.sizes[index]
        rows, columns = np.mgrid[:height, :width]
        image = np.stack([rows, columns, np.full_like(rows, 100 + index)], axis=-1)
        image = image.astype(np.uint8)
        return Pair(image, image)


def corners(pairs):
    return [tuple(map(int, pair.sharp[0, 0])) for pair in pairs]


def test_windows_are_adjacent_centred_and_alternate_between_images():
    pairs = check_pairs(Images((20, 34), (16, 16)), (16, 16), 10)
    assert corners(pairs) == [(2, 1, 100), (0, 0, 101), (2, 17, 100)]
    assert all(pair.blurry.shape == (16, 16, 3) for pair in pairs)
    assert len(check_pairs(Images((64, 64)), (16, 16), 5)) == 5


def test_windows_reflect_a_small_image():
    (pair,) = check_pairs(Images((16, 12)), (16, 16), 1)
    assert list(pair.sharp[0, :, 1]) == [*range(12), 10, 9, 8, 7]


def test_windows_of_an_empty_dataset_are_refused():
    with pytest.raises(InputError, match="Received: none"):
        check_pairs(Images(), (16, 16), 1)


def test_calibration_crops_are_the_same_each_time():
    images = Images((40, 40), (30, 50))
    crops = np.stack(calibration_crops(images, 16, 6))
    assert crops.shape == (6, 16, 16, 3) and crops.dtype == np.uint8
    np.testing.assert_array_equal(crops, calibration_crops(images, 16, 6))
    # Each is a part of one image, and both images are drawn equally.
    images_of = [set(np.unique(crop[..., 2])) for crop in crops]
    assert sorted(map(min, images_of)) == [100] * 3 + [101] * 3
    assert all(len(one) == 1 for one in images_of)
