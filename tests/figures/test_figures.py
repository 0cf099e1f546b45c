import numpy as np
import skimage.data

from egnet_tf.figures import comparison_sheet, gradient_figure, visible_gradient_map
from egnet_tf.figures.comparison import largest_difference


def test_the_zoom_is_where_the_pictures_differ_most():
    one = np.zeros((60, 90, 3), np.uint8)
    other = one.copy()
    other[5:10, 10:15] = 40
    other[30:50, 60:80] = 200
    assert largest_difference(one, other, 20) == (30, 60, 20, 20)
    direct = [
        int(other[t : t + 7, x : x + 7].sum()) for t in range(54) for x in range(84)
    ]
    top, left, _, _ = largest_difference(one, other, 7)
    assert other[top : top + 7, left : left + 7].sum() == max(direct)


def test_a_zoom_larger_than_the_picture_is_clipped():
    tiny = np.zeros((4, 6, 3), np.uint8)
    assert largest_difference(tiny, tiny + 1, 50) == (0, 0, 4, 4)


def test_a_sheet_has_a_column_for_each_picture():
    photo = skimage.data.chelsea()
    three = comparison_sheet({"a": photo, "b": photo // 2, "c": photo})
    two = comparison_sheet({"a": photo, "a longer caption": photo // 2})
    assert three.dtype == np.uint8 and three.shape[2] == 3
    assert three.shape[0] == two.shape[0]
    assert 400 < three.shape[1] - two.shape[1] < 420
    # The first and the last column show the same photograph below the captions.
    assert np.array_equal(three[40:, :400], three[40:, -400:])


def test_the_visible_gradient_map_shows_edges_and_is_grey():
    picture = np.full((40, 40, 3), 100, np.uint8)
    picture[:, 19:21] = 150
    picture[:, 21:] = 200
    shown = visible_gradient_map(picture)
    assert shown.dtype == np.uint8 and shown.shape == picture.shape
    assert np.array_equal(shown[..., 0], shown[..., 2])
    assert shown[:, 17:23].max() > 200
    assert shown[:, :15].max() == shown[:, 25:].max() == 0


def test_a_flat_picture_has_a_black_map():
    assert visible_gradient_map(np.full((9, 9, 3), 80, np.uint8)).max() == 0


def test_figure_7_has_three_panels():
    photo = skimage.data.chelsea()[:60, :80]
    figure = gradient_figure(photo)
    assert figure.shape[1] > 3 * 80
    assert np.array_equal(figure[-60:, :80], photo)
