import math
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from egnet_tf.paper.curves import curves, thinned, ticks


@pytest.mark.parametrize(
    ("low", "high"), [(0, 500), (25.02, 27.2), (-3, 4), (0, 6e6), (0.7, 0.7), (0, 0)]
)
def test_ticks_are_round_and_surround_the_values(low, high):
    found = ticks(low, high, 5)
    assert found[0] <= low and high <= found[-1]
    assert 2 <= len(found) <= 9
    (step,) = set(np.round(np.diff(found), 10))
    assert re.fullmatch("[125]0*", f"{step:e}".replace(".", "").partition("e")[0])


def test_a_line_lies_where_the_ticks_say():
    svg = curves({"a": [(0, 210.0), (50, 220.0), (100, 215.0)]}, "step", "PSNR (dB)")
    root = ElementTree.fromstring(svg)
    texts = {text.text: text.attrib for text in root.iter("text")}
    (line,) = root.iter("polyline")
    points = [tuple(map(float, p.split(","))) for p in line.get("points").split()]
    for (x, y), (step, value) in zip(
        points, [("0", "210"), (None, "220"), ("100", None)], strict=True
    ):
        if step:
            assert x == pytest.approx(float(texts[step]["x"]), abs=0.2)
        if value:  # The text stands four units below its line.
            assert y == pytest.approx(float(texts[value]["y"]) - 4, abs=0.2)
    assert points[1][1] < points[2][1] < points[0][1]
    assert "a: 210 at first, 215 at last" in root.get("aria-label")


def test_what_is_not_finite_is_left_out_and_nothing_is_no_image():
    assert curves({"a": [(0, math.nan)], "b": []}, "x", "y") == ""
    drawn = curves({"a": [(0, math.nan), (1, 2.0), (2, 3.0)]}, "x", "y")
    assert "nan" not in drawn


def test_names_cannot_break_the_page():
    drawn = curves({'<b>"&': [(0, 1.0), (1, 2.0)]}, "x", "y")
    ElementTree.fromstring(drawn)
    assert "<b>" not in drawn


def test_long_curves_are_means_of_neighbours():
    points = [(float(i), float(i % 2)) for i in range(1000)]
    found = thinned(points)
    assert len(found) <= 400
    assert np.mean([y for _, y in found[:-1]]) == pytest.approx(0.5, abs=0.2)
    assert found[0] == (1.0, pytest.approx(1 / 3))
    assert thinned(points[:400]) == points[:400]
