import numpy as np
import skimage.data

from egnet_tf.visualization import comparison_sheet, visible_gradient_map
from egnet_tf.visualization.sheet import labelled_row


def test_sheet_has_a_column_for_each_image():
    photo = skimage.data.chelsea()
    three = comparison_sheet({"a": photo, "b": photo // 2, "c": photo})
    two = comparison_sheet({"a": photo, "a longer caption": photo // 2})
    assert three.dtype == np.uint8 and three.shape[2] == 3
    assert three.shape[0] == two.shape[0]
    assert 400 < three.shape[1] - two.shape[1] < 420
    # The first and the last column show the same photograph below the captions.
    assert np.array_equal(three[40:, :400], three[40:, -400:])


def test_captions_share_the_largest_size_that_fits():
    image = np.full((30, 200, 3), 90, np.uint8)
    captions = {"short": image, "a caption far longer than the others": image}
    row = labelled_row(captions)
    assert row.shape[1] == 408
    gap = row[:, 200:208]
    assert (gap == 255).all()  # The long one ends within its column.
    assert row[:20, 208:].min() < 100
    alone = labelled_row({"short": image})
    assert row.shape[0] < alone.shape[0]  # A smaller size for both.


def test_visible_gradient_map_shows_edges_in_grey():
    image = np.full((40, 40, 3), 100, np.uint8)
    image[:, 19:21] = 150
    image[:, 21:] = 200
    shown = visible_gradient_map(image)
    assert shown.dtype == np.uint8 and shown.shape == image.shape
    assert np.array_equal(shown[..., 0], shown[..., 2])
    assert shown[:, 17:23].max() > 200
    assert shown[:, :15].max() == shown[:, 25:].max() == 0


def test_gradient_map_of_a_flat_image_is_black():
    assert visible_gradient_map(np.full((9, 9, 3), 80, np.uint8)).max() == 0
