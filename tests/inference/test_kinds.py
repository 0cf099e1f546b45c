"""What a Restorer takes besides arrays, and that it gives back the same kind."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from egnet_tf.errors import InputError
from egnet_tf.images.read import read_photo
from egnet_tf.inference import Restorer
from helpers import DarkeningRunner, random_image

RGB = random_image((37, 50, 3))
ALPHA = random_image((37, 50), seed=1)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def restorer():
    """Halves every number, rounding halves to the even."""
    return Restorer(DarkeningRunner())


def halved(samples):
    return np.rint(np.asarray(samples, np.float64) / 2)


def image_of(mode):
    rgb = Image.fromarray(RGB)
    if mode == "I;16":
        return Image.fromarray(random_image((37, 50), dtype=np.uint16))
    if mode in ("RGBA", "LA"):
        image = rgb.convert(mode[:-1])
        image.putalpha(Image.fromarray(ALPHA))
        return image
    return rgb.convert(mode)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "I;16"])
def test_pillow_image_keeps_its_mode_and_opacity(restorer, mode):
    image = image_of(mode)
    before = image.tobytes()
    restored = restorer(image)
    assert isinstance(restored, Image.Image)
    assert (restored.mode, restored.size) == (mode, image.size)
    colours = np.asarray(restored).reshape(37, 50, -1)
    expected = np.asarray(image).reshape(37, 50, -1).astype(float)
    opaque = mode[-1] != "A"
    if not opaque:
        np.testing.assert_array_equal(colours[..., -1], ALPHA)
        colours, expected = colours[..., :-1], expected[..., :-1]
    np.testing.assert_array_equal(colours, halved(expected))
    assert image.tobytes() == before


@pytest.mark.parametrize(
    ("mode", "becomes"),
    [("P", "RGB"), ("1", "L"), ("CMYK", "RGB"), ("YCbCr", "RGB"), ("PA", "RGBA")],
)
def test_other_modes_become_what_holds_their_colours(restorer, mode, becomes):
    image = image_of("RGB").convert("P" if mode == "PA" else mode)
    if mode == "PA":
        image = image.convert("PA")
    restored = restorer(image)
    assert restored.mode == becomes
    expected = image.convert(becomes)
    difference = np.asarray(restored, float) - halved(expected)
    if becomes == "RGBA":
        difference = difference[..., :3]
    assert np.abs(difference).max() <= 1  # Pillow's CMYK is rounded otherwise.


def test_transparent_colour_of_a_palette_becomes_opacity(restorer):
    image = image_of("P")
    image.info["transparency"] = image.getpixel((0, 0))
    restored = restorer(image)
    assert restored.mode == "RGBA" and "transparency" not in restored.info
    np.testing.assert_array_equal(
        np.asarray(restored)[..., 3], np.asarray(image.convert("RGBA"))[..., 3]
    )


def test_pillow_image_keeps_its_orientation_and_profile(restorer):
    image = image_of("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif, icc_profile=SRGB, dpi=(300, 300))
    opened = Image.open(buffer)
    restored = restorer(opened)
    assert restored.size == opened.size  # Not rotated, and still said to be so.
    assert restored.getexif()[0x0112] == 6
    assert restored.info["icc_profile"] == SRGB
    assert restored.info["dpi"] == opened.info["dpi"]


@pytest.fixture
def file(tmp_path):
    """Stored on its side."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    path = tmp_path / "my photo.png"
    Image.fromarray(RGB).save(path, exif=exif, icc_profile=SRGB, dpi=(300, 300))
    return path


@pytest.mark.parametrize("kind", [str, Path])
def test_path_gives_an_upright_pillow_image(restorer, file, kind):
    restored = restorer(kind(file))
    assert restored.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(restored), halved(np.rot90(RGB, -1)))
    assert restored.getexif()[0x010F] == "A camera"
    assert restored.getexif()[0x0112] == 1
    assert restored.info["icc_profile"] == SRGB
    assert restored.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_file_to_file_keeps_depth_opacity_and_metadata(restorer, tmp_path):
    import tifffile

    deep = random_image((20, 30, 4), dtype=np.uint16)
    source, target = tmp_path / "deep.tif", tmp_path / "new" / "out.png"
    tifffile.imwrite(source, deep, photometric="rgb", extrasamples=["unassalpha"])
    assert restorer(source, out=str(target)) == target
    photo = read_photo(target)
    np.testing.assert_array_equal(photo.pixels, halved(deep[..., :3]))
    np.testing.assert_array_equal(photo.alpha, deep[..., 3])
    # In the hand it is of 8 bits: Pillow has no more for colours.
    shown = restorer(source)
    assert shown.mode == "RGBA"
    np.testing.assert_allclose(
        np.asarray(shown)[..., :3], photo.pixels / 257, atol=0.51
    )


def test_home_folder_is_known(restorer, file, monkeypatch):
    monkeypatch.setenv("HOME", str(file.parent))
    assert restorer(f"~/{file.name}").size == (37, 50)


def test_list_gives_a_list_of_each_kind(restorer, file):
    pillow = image_of("LA")
    given = [file, pillow, RGB, RGB[None, :20], RGB.astype(np.float32) / 255]
    restored = restorer(given, strength=0.5)
    assert isinstance(restored, list)
    assert [type(x) for x in restored] == [Image.Image] * 2 + [np.ndarray] * 3
    for one, alone in zip(restored, given, strict=True):
        expected = restorer(alone, strength=0.5)
        np.testing.assert_array_equal(np.asarray(one), np.asarray(expected))
        assert np.asarray(one).dtype == np.asarray(expected).dtype
    assert restorer([]) == []
    assert len(restorer((RGB, RGB))) == 2


def test_tensor_gives_an_array(restorer):
    import tensorflow as tf

    np.testing.assert_array_equal(restorer(tf.constant(RGB)), halved(RGB))


def test_progress_is_that_of_each_image(restorer, file):
    calls = []
    restorer([file, RGB], on_tile=lambda *numbers: calls.append(numbers))
    assert calls == [(1, 1), (1, 1)]


@pytest.mark.parametrize(
    ("images", "out"),
    [
        ("none.png", None),
        (".", None),
        ("notes.txt", None),
        (b"bytes", None),
        (None, None),
        ([[RGB]], None),
        ([RGB], RGB),
        ("photo.png", RGB),
        ("photo.png", "out.txt"),
        ("photo.png", "photo.png"),
        ("photo.png", "./photo.png"),
        ("deep.png", "out.jpg"),
        (Image.fromarray(RGB), "out.png"),
        (Image.new("F", (8, 8)), None),
        (Image.new("RGB", (0, 8)), None),
        (Image.new("I", (8, 8), 70000), None),
    ],
)
def test_what_is_no_image_or_has_no_place_is_refused(
    restorer, tmp_path, monkeypatch, images, out
):
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("no image")
    Image.fromarray(RGB).save("photo.png")
    image_of("RGBA").save("deep.png")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match="Received: ") as refused:
        restorer(images, out=out)
    assert "\n" not in str(refused.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_damaged_pillow_image_is_refused(restorer, file):
    content = file.read_bytes()
    opened = Image.open(io.BytesIO(content[: len(content) // 2]))
    with pytest.raises(InputError, match="a PIL image of mode RGB"):
        restorer(opened)
