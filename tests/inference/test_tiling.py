import itertools

import numpy as np
import pytest

from egnet_tf.inference.tiling import (
    blended_strips,
    tile_grid,
    tile_positions,
    tile_weights,
)

AXES = [(100, 100, 30), (101, 100, 50), (1000, 64, 8), (257, 64, 0), (130, 64, 32)]


@pytest.mark.parametrize(("length", "tile", "overlap"), AXES)
def test_tiles_are_full_inside_the_image_and_overlap(length, tile, overlap):
    starts = tile_positions(length, tile, overlap)
    assert starts[0] == 0
    assert starts[-1] + tile == length
    steps = np.diff(starts)
    assert (steps[:-1] == tile - overlap).all()
    assert (steps > 0).all()
    assert (steps <= tile - overlap).all()


@pytest.mark.parametrize(("length", "tile", "overlap"), AXES)
def test_tile_weights_of_every_pixel_sum_to_one(length, tile, overlap):
    total = np.zeros(length)
    weights = tile_weights(length, tile, overlap)
    for start, weight in zip(
        tile_positions(length, tile, overlap), weights, strict=True
    ):
        total[start : start + tile] += weight
    assert (weights >= 0).all()
    np.testing.assert_allclose(total, 1.0, atol=2e-7)


def test_tile_weights_are_the_documented_raised_cosine():
    # Two tiles of 8 that overlap by 4: the sum of the windows is 1 already.
    expected = [np.sin(np.pi / 2 * (i + 0.5) / 4) ** 2 for i in range(4)]
    first, second = tile_weights(12, 8, 4)
    np.testing.assert_allclose(second[:4], expected, rtol=1e-6)
    np.testing.assert_allclose(first[4:], expected[::-1], rtol=1e-6)
    np.testing.assert_array_equal(first[:4], 1.0)
    np.testing.assert_array_equal(second[4:], 1.0)


def test_single_tile_is_not_weighted():
    np.testing.assert_array_equal(tile_weights(40, 40, 10), np.ones((1, 40)))


def test_tile_weights_are_smooth_where_the_last_tile_was_moved():
    # 90 = 64 + 26: the last tile shares 38 pixels with the first, not 16.
    weights = tile_weights(90, 64, 16)
    assert np.abs(np.diff(weights, axis=1)).max() < np.pi / 2 / 16 * 1.01


@pytest.mark.parametrize(("tile", "overlap"), [(64, 33), (64, -1), (101, 0)])
def test_impossible_tile_grids_are_refused(tile, overlap):
    with pytest.raises(ValueError, match="Received"):
        tile_positions(100, tile, overlap)


def test_blending_by_strips_equals_blending_the_whole_image():
    rng = np.random.default_rng(0)
    height, width, tile, overlap = 150, 131, (48, 64), 20
    tiles = {}

    tops, lefts = tile_grid((height, width), tile, overlap)
    for place in itertools.product(tops, lefts):
        tiles[place] = rng.random((*tile, 3), dtype=np.float32)
    restored = iter(tiles.values())
    strips = [
        (top, strip.copy())
        for top, strip in blended_strips((height, width), tile, overlap, restored)
    ]

    def window(side):
        t = np.arange(side) + 0.5
        rise = np.where(t < overlap, (1 - np.cos(np.pi * t / overlap)) / 2, 1.0)
        return rise * rise[::-1]

    weight = np.outer(window(tile[0]), window(tile[1]))[..., None]
    total, norm = np.zeros((height, width, 3)), np.zeros((height, width, 1))
    for (top, left), restored in tiles.items():
        area = np.s_[top : top + tile[0], left : left + tile[1]]
        total[area] += weight * restored
        norm[area] += weight
    assert [top for top, _ in strips] == [0, 28, 56, 84, 102]
    np.testing.assert_allclose(
        np.concatenate([strip for _, strip in strips]), total / norm, atol=1e-6
    )
