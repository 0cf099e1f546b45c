import numpy as np

from egnet_tf.visualization import Zoom, largest_differences


def checked(size=2):
    """A grey chessboard, so that there is something to see everywhere."""
    rows, columns = np.indices((60, 90)) // size
    return np.repeat(np.uint8(40 * ((rows + columns) % 2) + 80)[..., None], 3, -1)


def test_zoom_is_where_the_images_differ_most():
    one = checked()
    other = one.copy()
    other[6:18, 6:18] += 100
    other[30:50, 60:80] += 100
    first, second = largest_differences([one, other], (20, 20), count=2)
    assert abs(first.top - 30) <= 1 and abs(first.left - 60) <= 1
    # The next one, apart from the first, holds all of the weaker difference.
    assert second.top <= 6 and second.left <= 6 and second.top + 20 >= 18


def test_zoom_ignores_a_flat_corner_that_differs():
    one = checked()
    one[:, :45] = 100  # Flat.
    other = one.copy()
    other[:, :45] += 60
    other[20:40, 60:80] += 30
    (zoom,) = largest_differences([one, other], (20, 20))
    assert zoom.left > 40


def test_zoom_ignores_artefacts_along_the_border():
    one = checked()
    other = one.copy()
    other[:2] += 120
    other[30:40, 40:50] += 10
    (zoom,) = largest_differences([one, other], (16, 16))
    assert zoom.top >= 2


def test_zoom_uses_the_largest_difference_of_any_two_images():
    images = [checked() for _ in range(3)]
    images[1][20:24, 20:24] -= 20
    images[2][20:24, 20:24] += 20  # 40 apart, ...
    images[2][40:44, 60:64] += 30  # ... which is more than 30.
    (zoom,) = largest_differences(images, (4, 4))
    assert abs(zoom.top - 20) <= 2 and abs(zoom.left - 20) <= 2


def test_zooms_leave_room_for_their_frames_and_are_as_many_as_fit():
    flat = np.zeros((10, 29, 3), np.uint8)
    found = largest_differences([flat, flat], (10, 8), count=9)
    lefts = sorted(zoom.left for zoom in found)
    # An eighth of 8 is between two: 1 + 8 + 1 + 8 + 1 + 8 + 1 fill 28 of 29 columns.
    assert len(lefts) == 3 and min(np.diff(lefts)) >= 9


def test_no_zoom_is_chosen_where_almost_nothing_differs():
    one = checked()
    other = one.copy()
    other[30:50, 60:80] += 100
    other[:25] += 2  # Rounding, or noise.
    found = largest_differences([one, other], (20, 20), count=4)
    # What is left of the strong difference may fill a neighbour; never the upper part.
    assert found and all(zoom.top + zoom.height > 25 for zoom in found)


def test_zoom_larger_than_the_image_is_clipped():
    tiny = np.zeros((4, 6, 3), np.uint8)
    assert largest_differences([tiny, tiny + 1], (50, 50)) == [Zoom(0, 0, 4, 6)]


def test_zoom_crops_its_window():
    image = np.arange(5 * 6 * 3).reshape(5, 6, 3)
    np.testing.assert_array_equal(Zoom(1, 2, 3, 4).cut(image), image[1:4, 2:6])
