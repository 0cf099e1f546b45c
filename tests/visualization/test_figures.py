import cv2
import numpy as np
import pytest
import skimage.data

from egnet_tf.visualization import (
    Panel,
    Zoom,
    comparison_figure,
    comparison_sheet,
    ensemble_figure,
    feature_figure,
    gradient_figure,
    largest_differences,
    visible_gradient_map,
)
from egnet_tf.visualization.colour_map import colour_bar, coloured
from egnet_tf.visualization.sheet import captions, font, text_size


def test_the_zoom_is_where_the_images_differ_most():
    one = np.zeros((60, 90, 3), np.uint8)
    other = one.copy()
    other[5:10, 10:15] = 40
    other[30:50, 60:80] = 200
    first, second = largest_differences([one, other], (20, 20), count=2)
    assert first == Zoom(30, 60, 20, 20)
    # The next one, apart from the first, holds all of the weaker difference.
    assert second.top <= 5 and second.left <= 10
    direct = [
        int(other[t : t + 7, x : x + 9].sum()) for t in range(54) for x in range(82)
    ]
    (zoom,) = largest_differences([other, one], (7, 9))
    found = other[zoom.top : zoom.top + 7, zoom.left : zoom.left + 9]
    assert found.sum() == max(direct)


def test_of_several_images_the_largest_difference_of_any_two_counts():
    images = [np.full((20, 40, 3), 100, np.uint8) for _ in range(3)]
    images[1][2:4, 2:4], images[2][2:4, 2:4] = 80, 120  # 40 apart, ...
    images[2][12:14, 30:32] = 130  # ... which is more than 30.
    assert largest_differences(images, (2, 2)) == [Zoom(2, 2, 2, 2)]


def test_zooms_that_do_not_overlap_are_as_many_as_fit():
    flat = np.zeros((10, 24, 3), np.uint8)
    found = largest_differences([flat, flat], (10, 8), count=9)
    assert sorted(zoom.left for zoom in found) == [0, 8, 16]


def test_a_zoom_larger_than_the_image_is_clipped():
    tiny = np.zeros((4, 6, 3), np.uint8)
    assert largest_differences([tiny, tiny + 1], (50, 50)) == [Zoom(0, 0, 4, 6)]


def panels(count, size=(120, 160)):
    photo = cv2.resize(skimage.data.coffee(), size[::-1])
    smooth = [cv2.GaussianBlur(photo, (0, 0), count - i) for i in range(count)]
    return [Panel(f"method {i}", p, f"{20 + i} dB") for i, p in enumerate(smooth)]


@pytest.mark.parametrize("count", [1, 2, 5, 8, 13])
@pytest.mark.parametrize("zooms", [1, 3])
@pytest.mark.parametrize("size", [(120, 160), (200, 90), (60, 400)])
def test_a_comparison_is_as_wide_as_asked_for(count, zooms, size):
    windows = [Zoom(10 * i, 5 * i, 24, 30) for i in range(zooms)]
    figure = comparison_figure(panels(count, size), windows, width=1000)
    assert figure.dtype == np.uint8
    # The captions' height is not known before; images do not outgrow their share.
    assert 650 < figure.shape[1] <= 1050


def test_the_crops_stand_beside_the_framed_image():
    shown = panels(3)
    zoom = Zoom(40, 60, 30, 40)
    figure = comparison_figure(shown, [zoom], width=1600)
    # In the last column, inside of the frame, is the last method's crop, enlarged.
    side = 0
    while (figure[0, -side - 1] != 255).any():
        side += 1
    cell = round(side * 30 / 40)
    crop = shown[2].image[40:70, 60:100]
    direct = cv2.resize(crop, (side, cell), interpolation=cv2.INTER_NEAREST)
    inside = figure[8 : cell - 8, -side + 8 : -8].astype(int)
    assert np.abs(inside - direct[8:-8, 8:-8]).mean() < 2
    # The frame has one colour around the crop and in the whole image.
    colour = tuple(figure[0, -1])
    assert (figure[: figure.shape[0] // 2, :400] == colour).all(-1).any()


def test_gradient_maps_make_a_comparison_higher():
    zoom = [Zoom(40, 60, 30, 40)]
    plain = comparison_figure(panels(6), zoom, width=1000)
    assert (
        comparison_figure(panels(6), zoom, gradients=True, width=1000).shape[0]
        > plain.shape[0]
    )


def test_captions_have_one_size_in_which_all_fit():
    texts, widths = ["short", "a caption far longer than the others"], [200, 200]
    size = text_size(texts, widths, 40)
    assert font(size).getlength(texts[1]) <= 200 < font(size + 1).getlength(texts[1])
    board = captions(texts, widths)
    assert board.shape[1] == 408
    assert (board[:, 200:208] == 255).all()


def test_colours_tell_the_numbers_back():
    values = np.linspace(-1, 3, 256).reshape(16, 16)
    drawn = coloured(values, -1, 3)
    # Viridis gets brighter from the lowest to the highest number.
    brightness = drawn.reshape(-1, 3) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(brightness) > -1.5).all()
    assert brightness[-1] - brightness[0] > 180
    np.testing.assert_array_equal(coloured(values - 99, -1, 3)[3, 3], drawn[0, 0])
    bar = colour_bar(-1, 3, (256, 60), 16)
    np.testing.assert_array_equal(bar[::-1, 0], drawn.reshape(-1, 3))


def test_features_before_and_after_share_a_scale():
    before = np.zeros((12, 16, 3), np.float32)
    before[..., 1] = np.linspace(0, 1, 16)
    after = before.copy()
    after[..., 1] = before[..., 1] * 2
    image = np.full((48, 64, 3), 90, np.uint8)
    figure = feature_figure(
        image, before, after, title="stage 1", channels=1, width=900
    )
    # The only channel that changed is in the last column; rows from the bottom up.
    side = 0
    while (figure[-1, -side - 1] != 255).any():
        side += 1
    cell = round(side * 48 / 64)
    rows = [figure[-(cell // 2) - i * (cell + 10), -side:] for i in range(3)]
    added, doubled, single = rows
    middle, end = side // 2, -1
    # 1/2 of the larger range before, all of it after; half-way after as before's end.
    distance = np.abs(doubled[middle].astype(int) - single[end]).max()
    assert distance < 12
    assert np.abs(doubled[end].astype(int) - single[end]).max() > 60
    assert np.abs(added[end].astype(int) - doubled[end]).max() < 12


def test_ensemble_weights_are_drawn_below_their_branches():
    black = np.zeros((40, 40, 3), np.uint8)
    weights = np.zeros((40, 40, 2), np.float32)
    weights[:, :20, 0], weights[:, 20:, 1] = 1, 1
    figure = ensemble_figure(
        {"half": black, "whole": black + 60}, weights, ("fused", black + 120), width=700
    )
    lowest = figure[-20]
    yellow = (lowest[:, 0] > 200) & (lowest[:, 2] < 100)
    # Left half of the first map and right half of the second, half a column apart.
    edges = np.flatnonzero(np.diff(yellow.astype(int)))
    assert len(edges) >= 4
    lengths = np.diff(edges[:4])
    assert abs(lengths[0] - lengths[2]) <= 2 and lengths[1] > lengths[0]


def test_a_sheet_has_a_column_for_each_image():
    photo = skimage.data.chelsea()
    three = comparison_sheet({"a": photo, "b": photo // 2, "c": photo})
    two = comparison_sheet({"a": photo, "a longer caption": photo // 2})
    assert three.dtype == np.uint8 and three.shape[2] == 3
    assert three.shape[0] == two.shape[0]
    assert 400 < three.shape[1] - two.shape[1] < 420
    # The first and the last column show the same photograph below the captions.
    assert np.array_equal(three[40:, :400], three[40:, -400:])


def test_the_visible_gradient_map_shows_edges_and_is_grey():
    image = np.full((40, 40, 3), 100, np.uint8)
    image[:, 19:21] = 150
    image[:, 21:] = 200
    shown = visible_gradient_map(image)
    assert shown.dtype == np.uint8 and shown.shape == image.shape
    assert np.array_equal(shown[..., 0], shown[..., 2])
    assert shown[:, 17:23].max() > 200
    assert shown[:, :15].max() == shown[:, 25:].max() == 0


def test_a_flat_image_has_a_black_map():
    assert visible_gradient_map(np.full((9, 9, 3), 80, np.uint8)).max() == 0


def test_figure_7_has_three_panels():
    photo = skimage.data.chelsea()[:60, :80]
    figure = gradient_figure(photo)
    assert figure.shape[1] > 3 * 80
    assert np.array_equal(figure[-60:, :80], photo)
