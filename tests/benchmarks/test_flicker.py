import numpy as np
import pytest
from PIL import Image

from egnet_tf.benchmarks.flicker import measure_flicker
from egnet_tf.errors import InputError
from egnet_tf.inference import Restorer
from helpers import random_image


class Alternating:
    """Brightens every second image that it is handed by 10 of 255."""

    size_multiple, tile, bytes_per_pixel = 8, None, 100.0

    def __init__(self, step=10 / 255):
        self.step, self.calls = step, 0

    def __call__(self, batch):
        self.calls += 1
        return batch + self.step * (self.calls % 2)


def write(folder, images, first=1):
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images, first):
        Image.fromarray(image).save(folder / f"{number:06}.png")


def test_a_still_scene_shows_the_flicker_of_the_network_alone(tmp_path):
    write(tmp_path / "still", [random_image((16, 16, 3)) // 2] * 15)
    (row,) = measure_flicker(Restorer(Alternating()), tmp_path, 3)
    assert (row.sequence, row.frames) == ("still", 5)
    assert (row.blurry, row.sharp, row.blurry_error) == (0, 0, 0)
    assert row.restored == row.flicker == pytest.approx(10, abs=1e-4)
    assert row.restored_error == pytest.approx(10, abs=1e-4)


def test_changes_of_a_moving_edge_are_those_of_numpy(tmp_path):
    wide = random_image((16, 64, 3), 1)
    frames = [wide[:, 2 * k : 2 * k + 24] for k in range(12)]
    write(tmp_path / "pan", frames)
    (row,) = measure_flicker(Restorer(Alternating(0)), tmp_path, 3)
    blurry = [np.rint(np.mean(frames[k : k + 3], 0)) for k in range(0, 12, 3)]
    sharp = np.float64(frames[1::3])
    expected = np.abs(np.diff(blurry, axis=0)).mean()
    assert row.blurry == row.restored == pytest.approx(expected, rel=1e-5)
    assert row.sharp == pytest.approx(np.abs(np.diff(sharp, axis=0)).mean(), rel=1e-5)
    errors = np.abs(np.diff(blurry - sharp, axis=0)).mean()
    assert row.blurry_error == row.restored_error == pytest.approx(errors, rel=1e-5)
    assert row.flicker == 0


def test_frames_that_are_missing_are_no_change(tmp_path):
    write(tmp_path / "cut", [np.zeros((16, 16, 3), np.uint8)] * 6)
    write(tmp_path / "cut", [np.full((16, 16, 3), 200, np.uint8)] * 6, first=50)
    (row,) = measure_flicker(Restorer(Alternating(0)), tmp_path, 3)
    assert (row.frames, row.blurry, row.restored) == (4, 0, 0)


def test_a_row_for_each_sequence_of_both_splits(tmp_path):
    for name in "abc":
        write(tmp_path / name, [random_image((16, 16, 3))] * 6)
    rows = measure_flicker(Restorer(Alternating()), tmp_path, 3)
    assert sorted(row.sequence for row in rows) == ["a", "b", "c"]


def test_folders_without_sequences_are_refused(tmp_path):
    write(tmp_path / "short", [random_image((16, 16, 3))] * 5)
    with pytest.raises(InputError, match="at least 6 frames"):
        measure_flicker(Restorer(Alternating()), tmp_path, 3)
    with pytest.raises(InputError, match="Expected the folder"):
        measure_flicker(Restorer(Alternating()), tmp_path / "none", 3)
    with pytest.raises(InputError, match="odd numbers"):
        measure_flicker(Restorer(Alternating()), tmp_path, 4)
