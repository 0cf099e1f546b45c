import contextlib
import io
import struct
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms, ImageOps, features

from egnet_tf.errors import InputError
from egnet_tf.images.metadata import Metadata, read_exif
from egnet_tf.images.read import Photo, read_image, read_photo
from egnet_tf.images.tags import Block
from egnet_tf.images.write import check_suffix, write_image, write_photo
from helpers import random_image

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def smooth(height=37, width=53, channels=3, peak=255):
    """An image that JPEG keeps well: gradients, different in every channel."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [x, y, 1 - x, 0.3 + 0.7 * y * x][:channels]
    image = np.rint(np.stack(waves, axis=-1) * peak)
    return image.astype(np.uint8 if peak == 255 else np.uint16)


def png_chunk(kind, content):
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def exif_of(path):
    with Image.open(path) as image:
        exif = image.getexif()
        exif.get_ifd(ExifTags.IFD.Exif)  # Read while the file is open.
        exif.get_ifd(ExifTags.IFD.GPSInfo)
        return exif


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [(s, m) for s in (".png", ".tif", ".PNG") for m in ("RGB", "RGBA", "L", "LA")]
    + [(".bmp", "RGB"), (".bmp", "L")],
)
def test_lossless_formats_keep_every_value(tmp_path, suffix, mode):
    samples = smooth(channels=len(mode)).squeeze()
    Image.fromarray(samples, mode).save(tmp_path / f"in{suffix}")
    photo = read_photo(tmp_path / f"in{suffix}")
    channels = samples if samples.ndim == 3 else samples[..., None]
    colours = channels[..., : 3 if "RGB" in mode else 1]
    np.testing.assert_array_equal(
        photo.pixels, np.broadcast_to(colours, (*samples.shape[:2], 3))
    )
    assert photo.grey == mode.startswith("L")
    if mode.endswith("A"):
        np.testing.assert_array_equal(photo.alpha, samples[..., -1])
    else:
        assert photo.alpha is None
    write_photo(tmp_path / f"out{suffix}", photo)
    with Image.open(tmp_path / f"out{suffix}") as image:
        assert image.mode == mode
        np.testing.assert_array_equal(np.asarray(image), samples)


LOSSY = [".jpg", ".jpeg", ".webp"] + [".avif"] * features.check("avif")


@pytest.mark.parametrize("suffix", LOSSY)
def test_lossy_formats_approximate_the_image_and_obey_quality(tmp_path, suffix):
    photo = Photo(smooth(120, 160))
    sizes = []
    for quality in (40, 95):
        write_photo(tmp_path / f"out{suffix}", photo, quality=quality)
        sizes.append((tmp_path / f"out{suffix}").stat().st_size)
    again = read_photo(tmp_path / f"out{suffix}")
    assert np.abs(again.pixels.astype(int) - photo.pixels).mean() < 2
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_files_stay_16_bit(tmp_path, suffix, channels):
    samples = smooth(channels=channels, peak=65535)
    bgr = samples[..., [2, 1, 0, 3][:channels]] if channels > 1 else samples
    assert cv2.imwrite(str(tmp_path / f"in{suffix}"), bgr)
    photo = read_photo(tmp_path / f"in{suffix}")
    assert photo.pixels.dtype == np.uint16
    assert photo.grey == (channels == 1)
    colours = samples[..., :3]
    np.testing.assert_array_equal(
        photo.pixels, np.broadcast_to(colours, photo.pixels.shape)
    )
    write_photo(tmp_path / f"out{suffix}", photo)
    again = cv2.imread(str(tmp_path / f"out{suffix}"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(again, bgr.squeeze())
    with Image.open(tmp_path / f"out{suffix}") as image:  # Pillow opens it as well.
        image.load()


def test_16_bits_are_rounded_where_the_format_has_8(tmp_path):
    photo = Photo(smooth(peak=65535))
    write_photo(tmp_path / "out.bmp", photo)
    expected = np.rint(photo.pixels / 257).astype(np.uint8)
    np.testing.assert_array_equal(read_photo(tmp_path / "out.bmp").pixels, expected)


def test_grey_output_is_the_mean_of_the_restored_channels(tmp_path):
    pixels = smooth()
    write_photo(tmp_path / "out.png", Photo(pixels, grey=True))
    expected = np.rint(pixels.mean(axis=2)).astype(np.uint8)
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_exif_orientation_is_applied_and_reset(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image = Image.fromarray(smooth())
    image.save(tmp_path / f"in{suffix}", exif=exif, quality=95)
    with Image.open(tmp_path / f"in{suffix}") as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    assert (expected.shape == (37, 53, 3)) == (orientation < 5)
    photo = read_photo(tmp_path / f"in{suffix}")
    np.testing.assert_array_equal(photo.pixels, expected)
    write_photo(tmp_path / f"out{suffix}", photo)
    kept = exif_of(tmp_path / f"out{suffix}")
    assert kept.get(ExifTags.Base.Orientation, 1) == 1


@pytest.mark.parametrize(
    ("orientation", "rotated"),
    [(6, lambda p: np.rot90(p, -1)), (8, np.rot90), (3, lambda p: p[::-1, ::-1])],
)
def test_16_bit_and_opacity_are_rotated_too(tmp_path, orientation, rotated):
    samples = smooth(channels=4, peak=65535)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = Photo(samples[..., :3], alpha=samples[..., 3])
    write_photo(tmp_path / "in.png", stored)
    content = (tmp_path / "in.png").read_bytes()
    chunk = png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    (tmp_path / "in.png").write_bytes(content[:33] + chunk + content[33:])
    photo = read_photo(tmp_path / "in.png")
    np.testing.assert_array_equal(photo.pixels, rotated(samples[..., :3]))
    np.testing.assert_array_equal(photo.alpha, rotated(samples[..., 3]))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bit_tiff_is_rotated(tmp_path, orientation):
    samples = smooth(peak=65535)
    tag = (ExifTags.Base.Orientation, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "in.tif", samples, photometric="rgb", extratags=[tag])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    grey = Image.fromarray(np.rint(samples[..., 0] / 257).astype(np.uint8))
    grey.getexif().update(exif)
    expected = np.asarray(ImageOps.exif_transpose(grey))
    photo = read_photo(tmp_path / "in.tif")
    assert photo.pixels.dtype == np.uint16
    np.testing.assert_array_equal(np.rint(photo.pixels[..., 0] / 257), expected)


def camera_exif():
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.ImageWidth] = 53  # Of the file, not of the photo.
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.ExposureTime: 0.125,
        ExifTags.Base.ExifImageWidth: 53,
        ExifTags.Base.ExifImageHeight: 37,
    }
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N"}
    return exif.tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("source", [".jpg", ".tif"])
def test_exif_and_profile_are_carried_over(tmp_path, source, suffix):
    Image.fromarray(smooth()).save(
        tmp_path / f"in{source}", exif=camera_exif(), icc_profile=SRGB
    )
    photo = read_photo(tmp_path / f"in{source}")
    write_photo(tmp_path / f"out{suffix}", photo)
    exif = exif_of(tmp_path / f"out{suffix}")
    assert exif[ExifTags.Base.Make] == "Maker"
    details = exif.get_ifd(ExifTags.IFD.Exif)
    assert details[ExifTags.Base.ExposureTime] == 0.125
    assert details[ExifTags.Base.ExifImageWidth] == 37
    assert details[ExifTags.Base.ExifImageHeight] == 53
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
    with Image.open(tmp_path / f"out{suffix}") as image:
        assert image.size == (37, 53)
        assert image.info["icc_profile"] == SRGB


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_files_carry_the_metadata_they_can_hold(tmp_path, suffix):
    exif, _ = read_exif(Block.of(camera_exif().removeprefix(b"Exif\0\0")))
    photo = Photo(smooth(peak=65535), metadata=Metadata(SRGB, exif))
    write_photo(tmp_path / f"out{suffix}", photo)
    with Image.open(tmp_path / f"out{suffix}") as image:
        assert image.info["icc_profile"] == SRGB
        assert image.getexif()[ExifTags.Base.Make] == "Maker"


def test_palette_images_are_read_as_colours(tmp_path):
    samples = smooth(channels=4)
    samples[..., 3] = np.where(samples[..., 3] > 120, 255, 0)
    Image.fromarray(samples[..., :3]).quantize(32).save(tmp_path / "rgb.png")
    with Image.open(tmp_path / "rgb.png") as image:
        assert image.mode == "P"
        expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read_photo(tmp_path / "rgb.png").pixels, expected)
    Image.fromarray(samples).save(tmp_path / "transparent.gif")
    photo = read_photo(tmp_path / "transparent.gif")
    np.testing.assert_array_equal(photo.alpha, samples[..., 3])


def test_cmyk_becomes_srgb_without_its_profile(tmp_path):
    image = Image.fromarray(smooth()).convert("CMYK")
    profile = b"\0" * 16 + b"CMYK" + b"\0" * 108  # Damaged beyond its colour space.
    image.save(tmp_path / "in.jpg", icc_profile=profile, quality=100)
    photo = read_photo(tmp_path / "in.jpg")
    assert photo.metadata.icc_profile is None
    assert np.abs(photo.pixels.astype(int) - smooth()).mean() < 3


def test_bilevel_images_are_read_as_grey(tmp_path):
    bits = smooth(channels=1).squeeze() > 100
    Image.fromarray(bits).save(tmp_path / "in.png")
    photo = read_photo(tmp_path / "in.png")
    assert photo.grey
    np.testing.assert_array_equal(photo.pixels[..., 0], bits * 255)


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_transparent_photos_are_refused_by_opaque_formats(tmp_path, suffix):
    samples = smooth(channels=4)
    photo = Photo(samples[..., :3], alpha=samples[..., 3])
    with pytest.raises(InputError, match=f"transparency.*Received: .*out{suffix}"):
        write_photo(tmp_path / f"out{suffix}", photo)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["out", "out.txt", "out.gif", "out.pdf"])
def test_unsupported_formats_are_not_written(tmp_path, name):
    with pytest.raises(InputError, match="Received: "):
        check_suffix(tmp_path / name)


def test_failed_photo_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "out.webp"
    write_photo(path, Photo(smooth()))
    before = path.read_bytes()
    too_wide = np.zeros((1, 16384, 3), np.uint8)  # WebP ends at 16383.
    with pytest.raises(InputError, match="WEBP can hold"):
        write_photo(path, Photo(too_wide))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def png_of_size(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IEND", b"")


def test_decompression_bomb_is_refused_before_decoding(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png_of_size(20000, 20000))
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(InputError, match=r"20000 x 20000, .*bomb\.png"):
        read_photo(tmp_path / "bomb.png")
    assert limit == Image.MAX_IMAGE_PIXELS


def test_pixel_limit_can_be_raised_and_lowered(tmp_path):
    Image.fromarray(smooth()).save(tmp_path / "in.png")
    with pytest.raises(InputError, match="at most 100 pixels"):
        read_photo(tmp_path / "in.png", max_pixels=100)
    Image.new("1", (12000, 8000)).save(tmp_path / "large.png")  # 96 megapixels.
    with pytest.raises(InputError, match="12000 x 8000"):
        read_photo(tmp_path / "large.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow's own warning would come here.
        assert read_photo(tmp_path / "large.png", 10**8).pixels.shape[1] == 12000


def damaged(kind):
    buffer = io.BytesIO()
    Image.fromarray(random_image((64, 64, 3))).save(buffer, kind)
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


@pytest.mark.parametrize(
    "content",
    [
        *map(damaged, ("PNG", "JPEG", "TIFF", "WEBP")),
        *(b"", b"not an image", b"\x89PNG\r\n\x1a\n", b"GIF89a", png_of_size(5, 5)),
    ],
)
def test_incomplete_images_are_refused_in_one_line(tmp_path, content):
    path = tmp_path / "in.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match="Received: ") as caught:
        read_photo(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_truncated_16_bit_image_is_refused(tmp_path):
    noise = random_image((64, 64, 3), dtype=np.uint16)
    content = cv2.imencode(".png", noise)[1].tobytes()
    (tmp_path / "in.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="Received: "):
        read_photo(tmp_path / "in.png")


def test_image_sequences_and_float_images_are_refused(tmp_path):
    frames = [Image.fromarray(np.full((8, 8, 3), v, np.uint8)) for v in (0, 90, 180)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match="Received: 3 in"):
        read_photo(tmp_path / "in.gif")
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "in.tif")
    with pytest.raises(InputError, match="floating point, where 8 or 16"):
        read_photo(tmp_path / "in.tif")


def test_first_image_of_an_mpo_file_is_the_photo(tmp_path):
    photo, depth = (Image.fromarray(smooth()), Image.new("RGB", (53, 37)))
    photo.save(tmp_path / "in.jpg", format="MPO", save_all=True, append_images=[depth])
    assert read_photo(tmp_path / "in.jpg").pixels.mean() > 50


@pytest.mark.parametrize("size", [(1, 1), (1, 5)])
def test_smallest_images_round_trip(tmp_path, size):
    pixels = smooth(*size)
    write_photo(tmp_path / "out.png", Photo(pixels))
    np.testing.assert_array_equal(read_photo(tmp_path / "out.png").pixels, pixels)


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("rgb.png", smooth()),
        ("grey.png", smooth(channels=1)),
        ("rgb.tif", smooth(peak=65535)),
        ("grey.tif", smooth(channels=1, peak=65535)),
    ],
)
def test_datasets_read_photos_in_8_bits(tmp_path, name, samples):
    pixels = np.repeat(samples, 3 // samples.shape[2], axis=2)
    write_photo(tmp_path / name, Photo(pixels, grey=samples.shape[2] == 1))
    expected = pixels if samples.dtype == np.uint8 else np.rint(pixels / 257)
    image = read_image(tmp_path / name)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, expected)


def test_datasets_read_palettes_cmyk_and_orientation(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    red = Image.new("RGB", (4, 6), (255, 0, 0))
    red.quantize(4).save(tmp_path / "a.gif")
    red.convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    red.save(tmp_path / "a.png", exif=exif)
    for name, shape in (
        ("a.gif", (6, 4, 3)),
        ("a.jpg", (6, 4, 3)),
        ("a.png", (4, 6, 3)),
    ):
        image = read_image(tmp_path / name)
        assert image.shape == shape
        np.testing.assert_allclose(image, np.broadcast_to((255, 0, 0), shape), atol=4)


def test_datasets_read_the_first_of_several_frames(tmp_path):
    frames = [Image.fromarray(np.full((8, 8, 3), v, np.uint8)) for v in (90, 0)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:])
    assert (read_image(tmp_path / "in.gif") == 90).all()


def test_datasets_read_transparency_over_white(tmp_path):
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 3] = 0, 51, 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.png"), np.repeat([[[255], [204], [0]]], 3, axis=2)
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"])
def test_file_truncated_at_any_length_is_refused_in_one_line(tmp_path, kind):
    buffer = io.BytesIO()
    Image.fromarray(random_image((96, 136, 3))).save(buffer, format=kind)
    whole = buffer.getvalue()
    refused = 0
    for length in range(1, len(whole), max(len(whole) // 40, 1)):
        path = tmp_path / "broken"
        path.write_bytes(whole[:length])
        try:
            read_image(path)
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
            assert "Received: " in str(error)
            assert str(path) in str(error)
    assert refused >= 20


@pytest.mark.parametrize("kind", ["AVIF", "TIFF", "DDS", "PNG", "JPEG", "WEBP"])
def test_flipped_bytes_give_a_one_line_error_or_an_image(tmp_path, kind):
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    Image.fromarray(smooth()).save(buffer, kind)
    path = tmp_path / "in"
    for _ in range(60):
        content = bytearray(buffer.getvalue())
        for place in rng.integers(0, min(len(content), 400), 3):
            content[place] ^= int(rng.integers(1, 256))
        path.write_bytes(content)
        for read in (read_photo, read_image):
            with contextlib.suppress(InputError), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Of Pillow, on odd metadata.
                read(path)


def test_failed_image_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_image(path, smooth())

    def full_disk(path, mode):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full_disk)
    with pytest.raises(OSError, match=r"No space left.*a\.png"):
        write_image(path, 255 - smooth())
    np.testing.assert_array_equal(read_image(path), smooth())
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("read", [read_photo, read_image])
def test_unreadable_files_are_refused_in_one_line(tmp_path, read):
    (tmp_path / "folder.png").mkdir()
    for name in ("folder.png", "missing.png"):
        with pytest.raises(InputError, match=rf"Received: .*{name} \("):
            read(tmp_path / name)
