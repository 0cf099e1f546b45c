import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from egnet_tf.paper.curves import Segment, curves


def draw(points, name="a", axis="PSNR (dB)"):
    return curves({name: [Segment("backbone", 0, points)]}, axis)


def parsed(svg):
    return ElementTree.fromstring(svg.replace("xlink:href", "href"))


def test_curve_points_agree_with_the_ticks():
    root = parsed(draw([(0, 210.0), (50, 220.0), (100, 215.0)]))
    texts = {t.text: t for t in root.iter("text")}
    assert {"step", "PSNR (dB)", "0", "100", "210", "220"} <= set(texts)
    line = next(
        path.get("d")
        for path in root.iter("path")
        if "var(--c0)" in path.get("style", "")
    )
    points = [tuple(map(float, p)) for p in re.findall(r"[ML] (\S+) (\S+)", line)]
    across = [x for x, _ in points]
    assert across[1] == pytest.approx((across[0] + across[2]) / 2, abs=0.1)
    heights = [y for _, y in points]
    assert heights[1] < heights[2] < heights[0]
    assert "a: 210 at first, 215 at last" in root.get("aria-label")


def test_phases_are_drawn_as_separate_marked_lines():
    segments = [
        Segment("backbone", 0, [(1, 0.5), (2, 0.4)]),
        Segment("egn", 2, [(3, 0.1), (4, 0.05)]),
    ]
    root = parsed(curves({"a": segments}, "loss"))
    lines = [p for p in root.iter("path") if "var(--c0)" in p.get("style", "")]
    assert sum("fill: none" in line.get("style") for line in lines) == 2
    assert {"backbone", "egn"} <= {text.text for text in root.iter("text")}
    single = parsed(curves({"a": segments[:1]}, "loss"))
    assert "backbone" not in {text.text for text in single.iter("text")}


def test_curve_colours_are_those_of_the_page():
    drawn = draw([(0, 1.0), (1, 2.0)])
    assert "var(--ink)" in drawn and "var(--soft)" in drawn and "var(--line)" in drawn
    assert not re.search("#0[1-4]0[0-4]0", drawn)


def test_charts_of_one_page_share_no_ids():
    drawn = [draw([(0, 1.0), (1, 2.0)], axis=axis) for axis in ("PSNR", "loss")]
    ids = [set(re.findall(r'id="([^"]*)"', svg)) for svg in drawn]
    assert ids[0] and not ids[0] & ids[1]
    for svg in drawn:
        used = re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', svg)
        assert {one or other for one, other in used} <= set(
            re.findall(r'id="([^"]*)"', svg)
        )


def test_non_finite_values_are_left_out_and_empty_curves_give_no_chart():
    assert draw([(0, math.nan)]) == curves({"b": []}, "y") == ""
    drawn = draw([(0, math.nan), (1, 2.0), (2, 3.0)])
    assert "a: 2 at first" in drawn


def test_curve_names_are_escaped():
    drawn = draw([(0, 1.0), (1, 2.0)], name='<b>"&')
    parsed(drawn)
    assert "<b>" not in drawn


def test_names_of_phases_do_not_cover_each_other():
    # The last phases of the paper's schedule are short: 100k of 12.1M steps.
    starts = {"backbone": 0, "egn": 6_000_000, "joint": 11_900_000, "ensemble": 12e6}
    segments = [
        Segment(phase, int(start), [(start, 30.0), (start + 1e5, 31.0)])
        for phase, start in starts.items()
    ]
    root = parsed(curves({"a": segments}, "PSNR (dB)"))
    boxes = []
    for text in root.iter("text"):
        if text.text in starts:
            x, y = float(text.get("x")), float(text.get("y"))
            width = 5 * len(text.text)
            left = x - width if "anchor: end" in text.get("style", "") else x
            boxes.append((text.text, left, left + width, y))
    assert {name for name, *_ in boxes} == set(starts)
    for name, left, right, y in boxes:
        # Inside of the figure, whose width is 5.4 inches of 72 points.
        assert left >= 0 and right <= 5.4 * 72, name
        for other, low, high, row in boxes:
            apart = right <= low or high <= left or abs(y - row) >= 9
            assert name == other or apart, (name, other)


def test_phases_that_begin_together_share_a_mark():
    runs = {name: [Segment(name, 0, [(0, 1.0), (9, 2.0)])] for name in ("egn", "joint")}
    texts = {text.text for text in parsed(curves(runs, "SSIM")).iter("text")}
    assert "egn, joint" in texts
