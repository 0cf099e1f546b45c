import numpy as np
import pytest
import skimage.data

from egnet_tf.benchmarks import seams
from egnet_tf.benchmarks.seams import measure_seams, seam_lines
from egnet_tf.errors import InputError
from egnet_tf.inference import Restorer


class Exposing:
    """Brightens by what it sees at once, as a global pool does."""

    size_multiple, tile, bytes_per_pixel = 8, None, 100.0

    def __init__(self, strength):
        self.strength = strength

    def __call__(self, batch):
        return batch + self.strength * (batch.mean((1, 2, 3), keepdims=True) - 0.5)


@pytest.fixture
def restoring_with(monkeypatch):
    def use(strength):
        monkeypatch.setattr(
            seams, "load", lambda _, tile: Restorer(Exposing(strength), tile=tile)
        )

    return use


@pytest.mark.parametrize(
    ("length", "tile", "overlap"), [(40, 16, 4), (41, 16, 0), (30, 16, 8), (16, 16, 4)]
)
def test_seam_lines_are_where_the_number_of_tiles_changes(length, tile, overlap):
    covering = np.zeros(length, int)
    position = 0
    while True:
        start = min(position, length - tile)
        covering[start : start + tile] += 1 << position  # Each tile counts apart.
        if start == length - tile:
            break
        position += tile - overlap
    changes = (np.flatnonzero(np.diff(covering)) + 1).tolist()
    assert seam_lines(length, tile, overlap) == changes


def test_seam_measure_tells_hard_borders_from_blended_ones(restoring_with):
    photo = skimage.data.coffee()[:300, :400] // 2 + 60
    restoring_with(0.4)
    (hard,) = measure_seams("any", photo, [128], overlap=0)
    (soft,) = measure_seams("any", photo, [128])
    assert (hard.tiles, soft.overlap) == (12, 32)
    assert hard.excess > 5 and hard.excess_elsewhere < 0.01
    assert soft.excess < 1 and soft.step <= soft.whole_step + 1
    assert 20 < soft.psnr < 60


def test_pixelwise_function_has_no_seams(restoring_with):
    restoring_with(0.0)
    (row,) = measure_seams("any", skimage.data.coffee()[:200, :300], [64], overlap=0)
    assert row.excess == row.excess_elsewhere == 0 and row.step == row.whole_step > 0
    assert row.psnr == np.inf


def test_tile_larger_than_the_photo_has_no_seams(restoring_with):
    restoring_with(0.0)
    with pytest.raises(InputError, match="Received: 64"):
        measure_seams("any", np.zeros((40, 60, 3), np.uint8), [64])
