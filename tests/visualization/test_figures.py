import itertools

import cv2
import numpy as np
import pytest
import skimage.data
from matplotlib.backends.backend_agg import FigureCanvasAgg

from egnet_tf.errors import InputError
from egnet_tf.images.read import read_image
from egnet_tf.visualization import Zoom
from egnet_tf.visualization.figures import (
    Panel,
    Scene,
    comparison_figure,
    ensemble_figure,
    feature_figure,
    gradient_figure,
    save,
)


def panels(count, size=(120, 160)):
    photo = cv2.resize(skimage.data.coffee(), size[::-1])
    smooth = [cv2.GaussianBlur(photo, (0, 0), count - i) for i in range(count)]
    return [Panel(f"method {i}", p, f"{20 + i} dB") for i, p in enumerate(smooth)]


def shown(axes):
    """The pixels or numbers that axes show."""
    (image,) = axes.images
    return np.asarray(image.get_array())


def texts(figure):
    found = [axes.get_xlabel() or axes.get_title() for axes in figure.axes]
    return [text for text in found if text]


def overlap(one, other):
    a, b = one.get_position(), other.get_position()
    return min(a.x1, b.x1) - max(a.x0, b.x0) > 1e-6 and (
        min(a.y1, b.y1) - max(a.y0, b.y0) > 1e-6
    )


@pytest.mark.parametrize(
    ("count", "zooms", "size"),
    [
        (1, 1, (120, 160)),
        (2, 3, (60, 400)),
        (5, 1, (200, 90)),
        (8, 3, (120, 160)),
        (13, 1, (60, 400)),
        (13, 3, (200, 90)),
    ],
)
def test_comparison_panels_do_not_overlap_and_stay_inside(count, zooms, size):
    windows = [Zoom(10 * i, 5 * i, 24, 30) for i in range(zooms)]
    figure = comparison_figure([Scene(panels(count, size), windows)], width=5)
    assert figure.get_figwidth() == 5
    axes, renderer = figure.axes, FigureCanvasAgg(figure).get_renderer()
    assert len(axes) == 1 + count * zooms
    for number, one in enumerate(axes):
        box = one.get_tightbbox(renderer)
        assert box.x0 > -0.5 and box.x1 < figure.bbox.x1 + 0.5
        assert box.y0 > -0.5 and box.y1 < figure.bbox.y1 + 0.5
        assert not any(overlap(one, other) for other in axes[:number])
        # Images keep their proportions.
        place, image = one.get_position(), shown(one)
        drawn = place.height * figure.get_figheight() / (5 * place.width)
        assert drawn == pytest.approx(image.shape[0] / image.shape[1], rel=1e-3)


def test_comparison_captions_do_not_overlap():
    long = [
        p._replace(title=f"a long method name {i}") for i, p in enumerate(panels(6))
    ]
    figure = comparison_figure([Scene(long, [Zoom(0, 0, 24, 30)])])
    FigureCanvasAgg(figure).draw()
    assert figure.axes[1].xaxis.label.get_size() < 8
    boxes = [axes.xaxis.label.get_window_extent() for axes in figure.axes[1:]]
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))


def test_comparison_crops_stand_beside_the_framed_image():
    scene, zoom = panels(3), Zoom(40, 60, 30, 40)
    figure = comparison_figure([Scene(scene, [zoom])])
    whole, *crops = figure.axes
    np.testing.assert_array_equal(shown(whole), scene[0].image)
    for axes, panel in zip(crops, scene, strict=True):
        np.testing.assert_array_equal(shown(axes), panel.image[40:70, 60:100])
        assert axes.get_position().x0 > whole.get_position().x1
        assert axes.get_xlabel() == f"{panel.title}\n{panel.note}"
    assert whole.get_xlabel() == "method 0"
    (frame,) = whole.patches
    assert (frame.get_x(), frame.get_y()) == (59.5, 39.5)
    assert frame.get_edgecolor() == crops[0].spines["top"].get_edgecolor()


def test_comparison_puts_gradient_maps_and_scenes_below():
    scene = Scene(panels(6), [Zoom(40, 60, 30, 40)])
    plain = comparison_figure([scene])
    with_maps = comparison_figure([scene], gradients=True)
    assert len(with_maps.axes) == len(plain.axes) + 6
    assert with_maps.get_figheight() > plain.get_figheight()
    both = comparison_figure([scene, scene])
    assert both.get_figheight() > 2 * plain.get_figheight()
    first, second = both.axes[0], both.axes[7]
    assert second.get_position().y1 < first.get_position().y0


def test_features_before_and_after_share_a_scale():
    before = np.zeros((12, 16, 3), np.float32)
    before[..., 1] = np.linspace(0, 1, 16)
    after = before.copy()
    after[..., 1] = before[..., 1] * 2
    image = np.full((48, 64, 3), 90, np.uint8)
    figure = feature_figure(image, {"stage 1": (before, after)}, channels=1)
    assert {"stage 1", "mean of |features|", "channel 2"} <= set(texts(figure))
    # Rows of three: the image, the mean, the channel that changes most.
    one, other, added = (figure.axes[i].images[0] for i in (2, 5, 8))
    np.testing.assert_array_equal(other.get_array(), after[..., 1])
    assert one.get_clim() == other.get_clim()
    assert one.get_clim()[1] > 1.5 and added.get_clim()[1] < 1.01


def test_ensemble_weights_are_drawn_below_their_branches():
    black = np.zeros((40, 40, 3), np.uint8)
    weights = np.zeros((40, 40, 2), np.float32)
    weights[:, :20, 0], weights[:, 20:, 1] = 1, 1
    branches = [Panel("half", black), Panel("whole", black + 60)]
    figure = ensemble_figure(branches, weights, Panel("fused", black + 120))
    assert texts(figure)[:3] == ["half", "whole", "fused"]
    upper, lower = figure.axes[:3], figure.axes[3:5]
    for number, (one, other) in enumerate(zip(upper, lower, strict=False)):
        assert one.get_position().x0 == other.get_position().x0
        assert one.get_position().y0 > other.get_position().y1
        np.testing.assert_array_equal(shown(other), weights[..., number])
    assert {axes.images[0].get_clim() for axes in lower} == {(0, 1)}


def test_figure_7_has_three_panels():
    photo = skimage.data.chelsea()[:60, :80]
    figure = gradient_figure(photo)
    assert texts(figure) == ["image", "Laplacian", "gradient map (Eq. 15)"]
    np.testing.assert_array_equal(shown(figure.axes[0]), photo)
    assert shown(figure.axes[2]).max() == 255


def test_figure_suffix_chooses_the_format(tmp_path):
    figure = gradient_figure(skimage.data.chelsea()[:60, :80], width=2)
    save(figure, tmp_path / "new" / "figure.png")
    assert read_image(tmp_path / "new" / "figure.png").shape[1] == 600
    save(figure, tmp_path / "figure.pdf")
    pdf = (tmp_path / "figure.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and b"/FontFile2" in pdf and b"/Type3" not in pdf
    with pytest.raises(InputError, match=r"\.pdf.*Received: .*figure\.xyz"):
        save(figure, tmp_path / "figure.xyz")
