import io

import numpy as np
import pytest
from PIL import Image

from egnet_tf.errors import InputError
from egnet_tf.images.rgb import read_rgb, write_image


@pytest.fixture
def colours():
    return np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)


def test_lossless_formats_give_back_what_was_written(tmp_path, colours):
    for name in ("a.png", "b.bmp", "c.TIFF"):
        write_image(tmp_path / "new" / name, colours)
        np.testing.assert_array_equal(read_rgb(tmp_path / "new" / name), colours)
    assert len(list((tmp_path / "new").iterdir())) == 3  # nothing unfinished is left


def test_a_failed_write_leaves_the_old_image(tmp_path, colours, monkeypatch):
    path = tmp_path / "a.png"
    write_image(path, colours)

    def full_disk(self, file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_image(path, 255 - colours)
    np.testing.assert_array_equal(read_rgb(path), colours)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_an_unknown_suffix_is_refused(tmp_path, colours):
    with pytest.raises(InputError, match=r"Received: .*a\.xyz"):
        write_image(tmp_path / "a.xyz", colours)


def test_orientation_is_applied(tmp_path, colours):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned: upright is 90 degrees clockwise
    Image.fromarray(colours).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), np.rot90(colours, -1))


def test_grey_of_8_and_16_bits_agree(tmp_path):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(grey).save(tmp_path / "8.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "16.png")
    Image.fromarray(grey.astype(np.float32) / 255).save(tmp_path / "float.tif")
    expected = np.stack([grey] * 3, axis=-1)
    for name in ("8.png", "16.png", "float.tif"):
        np.testing.assert_array_equal(read_rgb(tmp_path / name), expected, name)


def test_transparency_lies_on_white(tmp_path):
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 3] = 0, 51, 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        read_rgb(tmp_path / "a.png"), np.repeat([[[255], [204], [0]]], 3, axis=2)
    )


def test_palette_and_cmyk(tmp_path):
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    red.quantize(4).save(tmp_path / "a.gif")
    red.convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    for name in ("a.gif", "a.jpg"):
        difference = read_rgb(tmp_path / name).astype(int) - (255, 0, 0)
        assert np.abs(difference).max() <= 4, name


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"])
def test_truncated_at_any_length_is_one_line(tmp_path, colours, kind):
    buffer = io.BytesIO()
    Image.fromarray(np.tile(colours, (8, 8, 1))).save(buffer, format=kind)
    whole = buffer.getvalue()
    refused = 0
    for length in range(1, len(whole), max(len(whole) // 40, 1)):
        path = tmp_path / "broken"
        path.write_bytes(whole[:length])
        try:
            read_rgb(path)
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
            assert "Received: " in str(error)
            assert str(path) in str(error)
    assert refused >= 20


def test_what_is_no_image_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    for name in ("text.png", "empty.png", "folder.png", "missing.png"):
        with pytest.raises(InputError, match=rf"Received: .*{name}"):
            read_rgb(tmp_path / name)


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    Image.new("RGB", (300, 300)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(InputError, match=r"at most 200 pixels"):
        read_rgb(tmp_path / "bomb.png")
