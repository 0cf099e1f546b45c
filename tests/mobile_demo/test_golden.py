"""The demos' tilers are tested against files that egnet_tf's tiler wrote."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from egnet_tf.images.read import read_photo

GOLDEN = Path(__file__).parents[2] / "mobile_demo" / "golden"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    spec = importlib.util.spec_from_file_location("golden", GOLDEN / "write_golden.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("golden")
    module.write(folder)
    return folder


def _weights(path):
    lines = [line.split("|") for line in path.read_text().splitlines()[1:]]
    grids = [(axis.strip(), int(start)) for axis, start, _ in lines]
    return grids, np.concatenate([np.array(w.split(), float) for *_, w in lines])


def test_golden_positions_and_weights_are_current(fresh):
    grids, weights = _weights(fresh / "axes.txt")
    committed_grids, committed = _weights(GOLDEN / "axes.txt")
    assert committed_grids == grids
    # The sine differs in its last bit from one C library to the next.
    np.testing.assert_allclose(committed, weights, atol=1e-7)


@pytest.mark.parametrize("name", ["tiles", "one", "flat", "dot"])
def test_golden_images_are_current(fresh, name):
    for part in ("photo", "restored"):
        new = np.asarray(Image.open(fresh / f"{name}_{part}.ppm"), int)
        committed = np.asarray(Image.open(GOLDEN / f"{name}_{part}.ppm"), int)
        assert committed.shape == new.shape
        assert np.abs(committed - new).max() <= (0 if part == "photo" else 1)


def test_golden_blend_is_current(fresh):
    new, committed = (
        np.asarray(Image.open(folder / "tiles_blended.ppm"), int)
        for folder in (fresh, GOLDEN)
    )
    assert np.abs(committed - new).max() <= 1
    photo, restored = (
        np.asarray(Image.open(GOLDEN / f"tiles_{part}.ppm"), float)
        for part in ("photo", "restored")
    )
    # In exact arithmetic 0.35 may fall on the other side of a half.
    np.testing.assert_allclose(
        committed, 0.65 * photo + 0.35 * restored, atol=0.5 + 1e-9
    )


def test_golden_estimates_of_blur_are_current(fresh):
    new, committed = (
        json.loads((folder / "blur.json").read_text())["images"]
        for folder in (fresh, GOLDEN)
    )
    assert [len(image["lengths"]) for image in committed] == [9, 1, 2, 0]
    for one, other in zip(new, committed, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            if value is None:
                assert other[name] is None
            else:
                np.testing.assert_allclose(other[name], value, rtol=1e-6, atol=1e-7)


def test_golden_exif_is_what_independent_readers_expect():
    """The demos must write exif_saved.jpg byte for byte."""
    source = read_photo(GOLDEN / "exif_photo.jpg")
    saved = read_photo(GOLDEN / "exif_saved.jpg")
    encoded = read_photo(GOLDEN / "exif_encoded.jpg")
    np.testing.assert_array_equal(saved.pixels, encoded.pixels)
    assert saved.metadata.exif == source.metadata.exif.upright(24, 40)
    with Image.open(GOLDEN / "exif_photo.jpg") as photo:
        assert photo.getexif().get_ifd(ExifTags.IFD.IFD1)
    with Image.open(GOLDEN / "exif_saved.jpg") as photo:
        exif = photo.getexif()
        assert not exif.get_ifd(ExifTags.IFD.IFD1)
        assert exif[0x0112] == 1
        assert exif.get_ifd(0x8825)[2] == (47.0, 22.0, 12.5)


def test_command_writes_every_golden_file(fresh):
    written = {path.name for path in fresh.iterdir()}
    suffixes = (".txt", ".ppm", ".json", ".jpg")
    assert {p.name for p in GOLDEN.iterdir() if p.suffix in suffixes} == written
