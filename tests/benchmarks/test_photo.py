import dataclasses

import numpy as np
import pytest
from PIL import Image

from egnet_tf.benchmarks import photo
from egnet_tf.errors import InputError
from egnet_tf.inference import Restorer

OPTIONS = photo.Options("any", megapixels=(0.02, 0.3), memory_limit=0.1)


class Darkening:
    size_multiple, tile, bytes_per_pixel = 8, None, 1000.0

    def __call__(self, batch):
        return batch / 2


@pytest.fixture
def measured(monkeypatch):
    """Runs functions here instead of in a process of its own; keeps the results."""
    restored = []

    def run(function, model, path, limit):
        function(model, path, limit)
        with (
            Image.open(path) as before,
            Image.open(path.parent / "restored.jpg") as img,
        ):
            restored.append((np.asarray(before), np.asarray(img)))
        return 5_000_000

    monkeypatch.setattr(photo, "peak_memory", run)
    monkeypatch.setattr(
        photo,
        "load",
        lambda _, memory_limit: Restorer(Darkening(), memory_limit=memory_limit),
    )
    return restored


def test_photo_measurement_restores_photos_of_several_sizes(measured):
    rows = photo.measure(OPTIONS)
    assert [row.size for row in rows] == ["122x163", "474x632"]
    assert [row.tiles for row in rows] == [1, 6]
    assert rows[1].pixel_megabytes == pytest.approx(0.3 * 3, rel=0.01)
    assert rows[0].peak_megabytes == 5
    for row, (before, after) in zip(rows, measured, strict=True):
        assert after.shape[:2] == tuple(map(int, row.size.split("x")))
        assert np.abs(after - before / 2).mean() < 2


def test_photo_measurement_refuses_an_empty_photo(measured):
    with pytest.raises(InputError, match="Received: 0"):
        photo.measure(dataclasses.replace(OPTIONS, megapixels=(0.0,)))
