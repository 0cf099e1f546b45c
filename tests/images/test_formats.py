"""What a viewer shows is what is read: over the grid of formats, by second libraries.

The files are made by Pillow, tifffile, imagecodecs, or byte by byte as the standards
say. What they show is known beforehand, or decoded by the library that made them.
"""

import contextlib
import io
import itertools
import struct
import sys
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

from egnet_tf.errors import InputError
from egnet_tf.images.read import decode_photo, read_image, read_photo, read_size
from egnet_tf.images.write import write_photo

HEIGHT, WIDTH = 21, 34


def ramps(channels, bits):
    """Gradients, different in every channel, from darkest to brightest."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    y, x = y / (HEIGHT - 1), x / (WIDTH - 1)
    waves = [x, y, 1 - x, (x + y) / 2, x * y, 1 - y][:channels]
    levels = np.rint(np.stack(waves, -1) * (2**bits - 1))
    return levels.astype(np.uint8 if bits <= 8 else np.uint16)


def shown(colours, alpha=None):
    """What `read_photo` should return, as RGB and opacity."""
    colours = np.broadcast_to(colours, (*colours.shape[:2], 3))
    return colours, alpha


def check(photo, expected, atol=0):
    colours, alpha = expected
    assert photo.pixels.dtype == colours.dtype
    difference = np.abs(photo.pixels.astype(int) - colours)
    assert difference.max() <= atol, f"up to {difference.max()}"
    if alpha is None:
        assert photo.alpha is None
    else:
        assert np.abs(photo.alpha.astype(int) - alpha).max() <= atol


def pillow(content):
    """What Pillow reads: RGB and opacity, 8 bits."""
    with Image.open(io.BytesIO(content)) as image:
        if image.has_transparency_data:
            rgba = np.asarray(image.convert("RGBA"))
            return rgba[..., :3], rgba[..., 3]
        return np.asarray(image.convert("RGB")), None


# TIFF.

_STORED = [
    {"planarconfig": "contig"},
    {"planarconfig": "separate"},
    {"planarconfig": "contig", "tile": (16, 16), "compression": "zlib"},
    {"planarconfig": "separate", "tile": (16, 32), "compression": "lzw"},
    {"planarconfig": "separate", "compression": "zlib", "predictor": 2},
    {"planarconfig": "contig", "rowsperstrip": 4, "compression": "packbits"},
    {"planarconfig": "separate", "tile": (16, 16), "predictor": 2, "bigtiff": True}
    | {"compression": "zlib"},
    {"planarconfig": "contig", "predictor": 2, "compression": "lzw", "byteorder": ">"},
]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    "stored", _STORED, ids=lambda s: "-".join(map(str, s.values()))
)
@pytest.mark.parametrize("kind", ["minisblack", "miniswhite", "rgb", "separated"])
@pytest.mark.parametrize("extra", ["", "unspecified", "assocalpha", "unassalpha"])
def test_tiff(tmp_path, bits, stored, kind, extra):
    colours = {"rgb": 3, "separated": 4}.get(kind, 1)
    samples = ramps(colours + bool(extra), bits)
    if extra == "assocalpha" and kind == "rgb":  # A colour is at most the opacity.
        samples[..., :3] = np.minimum(samples[..., :3], samples[..., 3:])
    if samples.shape[2] == 1:
        data, stored = samples[..., 0], {**stored, "planarconfig": None}
    elif stored["planarconfig"] == "separate":
        data = np.moveaxis(samples, 2, 0)
    else:
        data = samples
    if extra:
        stored = {**stored, "extrasamples": [extra]}
    tifffile.imwrite(tmp_path / "a.tif", data, photometric=kind, **stored)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), data)

    peak = 2**bits - 1
    seen = samples[..., :colours].astype(float)
    alpha = samples[..., -1] if "alpha" in extra else None
    if kind == "miniswhite":
        seen = peak - seen
    if extra == "assocalpha":
        opacity = alpha[..., None].astype(float)
        seen = np.minimum(seen * peak / np.maximum(opacity, 1), peak) * (opacity > 0)
    if kind == "separated":
        seen = (peak - seen[..., :3]) * (peak - seen[..., 3:]) / peak
    photo = read_photo(tmp_path / "a.tif")
    assert photo.grey == (colours == 1)
    check(photo, shown(np.rint(seen).astype(samples.dtype), alpha), atol=1)
    if kind in ("rgb", "minisblack") and extra != "assocalpha":
        check(photo, shown(samples[..., :colours], alpha))
    assert read_size(tmp_path / "a.tif") == (HEIGHT, WIDTH)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"])
@pytest.mark.parametrize("compression", [None, "jpeg", "tiff_lzw", "group4"])
def test_tiff_of_pillow(tmp_path, mode, compression):
    if (compression == "group4") != (mode == "1") and compression:
        return
    if compression == "jpeg" and mode not in ("L", "RGB", "CMYK", "YCbCr"):
        return
    image = Image.fromarray(ramps(3, 8))
    if mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(
            image, ImageCms.createProfile("sRGB"), lab, outputMode="LAB"
        )
    else:
        image = image.convert(mode)
    file = io.BytesIO()
    image.save(file, "TIFF", compression=compression)
    expected = pillow(file.getvalue())
    if mode == "CMYK":  # Pillow rounds twice.
        check(decode_photo(file.getvalue(), "a"), expected, atol=1)
    else:
        check(decode_photo(file.getvalue(), "a"), expected, atol=2 * bool(compression))


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("kind", ["minisblack", "miniswhite", "palette"])
def test_tiff_of_few_bits(tmp_path, bits, kind):
    levels = ramps(1, bits)[..., 0]
    options = {}
    seen = np.rint(levels * (255 / (2**bits - 1)))
    if kind == "miniswhite":
        seen = 255 - seen
    if kind == "palette":
        palette = np.random.default_rng(0).integers(0, 65536, (3, 2**bits), np.uint16)
        options["colormap"] = palette
        seen = palette[:, levels] >> 8
        seen = np.moveaxis(seen, 0, 2)
    else:
        seen = seen[..., None]
    if bits == 1:
        content = _tiff_by_hand(np.packbits(levels, axis=1), bits, kind, **options)
    else:
        packed = np.zeros((HEIGHT, -(-WIDTH * bits // 8)), np.uint8)
        for x in range(WIDTH):
            packed[:, x * bits // 8] |= levels[:, x] << (8 - bits - x * bits % 8)
        content = _tiff_by_hand(packed, bits, kind, **options)
    photo = decode_photo(content, "a.tif")
    check(photo, shown(seen.astype(np.uint8)), atol=0 if kind != "palette" else 1)
    colours, _ = pillow(content)
    assert np.abs(photo.pixels.astype(int) - colours).max() <= 1


def _tiff_by_hand(packed, bits, kind, colormap=None):
    photometric = {"miniswhite": 0, "minisblack": 1, "palette": 3}[kind]
    tags = [(256, 3, 1, WIDTH), (257, 3, 1, HEIGHT), (258, 3, 1, bits), (259, 3, 1, 1)]
    tags += [(262, 3, 1, photometric), (273, 4, 1, 8), (277, 3, 1, 1)]
    tags += [(278, 3, 1, HEIGHT), (279, 4, 1, packed.size)]
    end = 8 + packed.size + packed.size % 2
    data = packed.tobytes() + bytes(packed.size % 2)
    if colormap is not None:
        tags.append((320, 3, colormap.size, end))
        data += colormap.astype("<u2").tobytes()
        end += 2 * colormap.size
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", end) + data + directory


@pytest.mark.parametrize(
    ("data", "options", "reason"),
    [
        (np.zeros((8, 8, 3), np.float32), {"photometric": "rgb"}, "floating point"),
        (np.zeros((8, 8), np.float16), {}, "floating point"),
        (np.zeros((8, 8), np.uint32), {}, "32 bits a channel"),
        (np.zeros((8, 8), np.int16), {}, "signed"),
        (np.zeros((8, 8), np.complex64), {}, "signed or complex"),
        (np.zeros((8, 8, 3), np.uint16), {"photometric": "cielab"}, "16 bits"),
        (np.zeros((8, 8), np.uint16), {"bitspersample": 12}, "12 bits a channel"),
        (np.zeros((8, 8, 3), np.uint8), {"photometric": "icclab"}, "ICC Lab"),
        (np.zeros((8, 8), np.uint16), {"photometric": 32803}, "raw colours"),
        (np.ones((32, 32, 3), np.uint8), {"compression": "zstd"}, ""),
        (np.ones((32, 32, 3), np.uint8), {"compression": "jpeg2000"}, ""),
        (np.ones((2, 32, 32, 3), np.uint8), {"photometric": "rgb"}, "Received: 2 in"),
    ],
)
def test_tiff_that_is_not_read_is_refused(tmp_path, data, options, reason):
    tifffile.imwrite(tmp_path / "a.tif", data, **options)
    with pytest.raises(InputError, match="Received: ") as caught:
        read_photo(tmp_path / "a.tif")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("first", [True, False])
def test_thumbnails_and_masks_in_tiff_are_no_images(tmp_path, first):
    photo, small = ramps(3, 16), ramps(3, 8)[::2, ::2]
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        if first:
            file.write(photo, photometric="rgb")
        file.write(small, photometric="rgb", subfiletype=1)
        file.write(ramps(1, 8)[..., 0] > 9, photometric="minisblack", subfiletype=4)
        if not first:
            file.write(photo, photometric="rgb")
    check(read_photo(tmp_path / "a.tif"), shown(photo))
    assert read_size(tmp_path / "a.tif") == (HEIGHT, WIDTH)


# PNG, written by hand, as no library writes all of it.


def png_chunk(kind, data):
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def png(samples, bits, colour_type, extra=b"", *, interlaced=False):
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, interlaced)
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)]
        passes += [(2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    lines = []
    for top, left, down, right in passes:
        for row in samples[top::down, left::right]:
            if not row.size:
                continue
            if bits == 16:
                line = row.astype(">u2").tobytes()
            elif bits == 8:
                line = row.tobytes()
            else:
                binary = (row.reshape(-1, 1) >> np.arange(bits)[::-1]) & 1
                line = np.packbits(binary.astype(np.uint8)).tobytes()
            lines.append(b"\0" + line)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + extra,
            png_chunk(b"IDAT", zlib.compress(b"".join(lines))),
            png_chunk(b"IEND", b""),
        ]
    )


_PNG_KINDS = [(0, b) for b in (1, 2, 4, 8, 16)] + [(2, 8), (2, 16)]
_PNG_KINDS += [(3, b) for b in (1, 2, 4, 8)] + [(4, 8), (4, 16), (6, 8), (6, 16)]


@pytest.mark.parametrize(("colour_type", "bits"), _PNG_KINDS)
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("interlaced", [False, True])
def test_png(colour_type, bits, transparent, interlaced):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]
    samples, peak = ramps(channels, bits), 2**bits - 1
    extra, alpha = b"", None
    full = 65535 if bits == 16 else 255
    key = samples[5, 7]
    if colour_type in (4, 6):
        alpha = samples[..., -1]
    elif transparent and colour_type in (0, 2):
        extra = png_chunk(b"tRNS", key.astype(">u2").tobytes())
        alpha = np.where((samples == key).all(-1), 0, full).astype(samples.dtype)
    seen = samples[..., : 3 if colour_type in (2, 6) else 1]
    if colour_type == 3:
        palette = np.random.default_rng(bits).integers(0, 256, (peak + 1, 3), np.uint8)
        extra = png_chunk(b"PLTE", palette.tobytes())
        seen = palette[samples[..., 0]]
        if transparent:
            opacity = np.arange(peak + 1, dtype=np.uint8)[: peak // 2 + 1]
            extra += png_chunk(b"tRNS", opacity.tobytes())
            opacity = np.pad(opacity, (0, peak - peak // 2), constant_values=255)
            alpha = opacity[samples[..., 0]]
    elif bits < 8:
        seen = (seen * (255 // peak)).astype(np.uint8)
    content = png(samples, bits, colour_type, extra, interlaced=interlaced)
    photo = decode_photo(content, "a.png")
    check(photo, shown(seen, alpha))
    assert photo.grey == (colour_type in (0, 4))
    if bits <= 8 and not (bits in (2, 4) and alpha is not None and colour_type == 0):
        check(photo, pillow(content))  # Which compares such a key with other numbers.


def test_png_animation_is_a_sequence_whose_default_image_datasets_read(tmp_path):
    frames = [Image.fromarray(ramps(3, 8) // (i + 1)) for i in range(3)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match="Received: 3 in"):
        read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), ramps(3, 8))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF", "TIFF"])
def test_sequences_are_refused_and_datasets_read_their_first_image(tmp_path, kind):
    frames = [Image.fromarray(ramps(3, 8) // (i + 1)) for i in range(3)]
    options = {"lossless": True} if kind == "WEBP" else {}
    path = tmp_path / f"a.{kind.lower()}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    with pytest.raises(InputError, match="Received: 3 in"):
        read_photo(path)
    expected = np.asarray(frames[0].convert("RGB"))
    assert np.abs(read_image(path).astype(int) - expected).mean() < 6


# Formats that Pillow writes.


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "YCbCr"])
@pytest.mark.parametrize(
    "options",
    [
        {"quality": 95},
        {"quality": 90, "subsampling": "4:2:0"},
        {"quality": 90, "subsampling": "4:2:2", "progressive": True},
        {"quality": 90, "restart_marker_rows": 1, "optimize": True},
    ],
)
def test_jpeg(mode, options):
    content = saved(Image.fromarray(ramps(3, 8)).convert(mode), "JPEG", **options)
    photo = decode_photo(content, "a.jpg")
    check(photo, pillow(content), atol=1)
    assert photo.grey == (mode == "L")


def test_jpeg_of_cmyk_by_its_profile():
    paper = ImageCms.ImageCmsProfile(io.BytesIO(_cmyk_profile()))
    inks = Image.fromarray(ramps(3, 8)).convert("CMYK")
    content = saved(inks, "JPEG", quality=100, icc_profile=_cmyk_profile())
    with Image.open(io.BytesIO(content)) as image:
        expected = ImageCms.profileToProfile(
            image, paper, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    photo = decode_photo(content, "a.jpg")
    check(photo, (np.asarray(expected), None), atol=3)
    assert photo.metadata.icc_profile is None
    plain = pillow(saved(inks, "JPEG", quality=100))[0]
    assert np.abs(photo.pixels.astype(int) - plain).max() > 20


def _cmyk_profile():
    """The profile of a press that comes with libvips."""
    import pyvips

    return pyvips.Image.profile_load("cmyk")


def test_jpeg_without_the_mark_of_its_end_is_complete():
    content = saved(Image.fromarray(ramps(3, 8)), "JPEG", quality=95)
    assert content.endswith(b"\xff\xd9")
    check(decode_photo(content[:-2], "a"), pillow(content))
    check(decode_photo(content + b"\0" * 99, "a"), pillow(content))
    with pytest.raises(InputError):
        decode_photo(content[:-200], "a")


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 80}),
        ("GIF", {}),
        ("GIF", {"interlace": 1}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
        ("BMP", {}),
        ("JPEG2000", {}),
        ("JPEG2000", {"irreversible": True, "no_jp2": True}),
        ("TGA", {"rle": True}),
        ("PPM", {}),
        ("DDS", {}),
        ("PCX", {}),
        ("SGI", {}),
        ("QOI", {}),
    ],
    ids=lambda x: "".join(map(str, x.values())) if isinstance(x, dict) else x,
)
def test_formats_of_8_bits(kind, options, mode, tmp_path):
    image = Image.fromarray(ramps(4 if mode == "RGBA" else 3, 8)).convert(mode)
    try:
        content = saved(image, kind, **options)
    except (OSError, ValueError, KeyError):
        return  # The format has no such images.
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(content)
    photo = read_photo(path)
    check(photo, pillow(content), atol=2 if kind == "AVIF" else 1 if options else 0)
    write_photo(tmp_path / "out.png", photo)
    check(read_photo(tmp_path / "out.png"), (photo.pixels, photo.alpha))
    assert read_size(path) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("bits", [1, 4, 8, 16, 24, 32])
def test_bmp_of_any_depth(bits):
    rgb = Image.fromarray(ramps(3, 8))
    if bits in (16, 32):
        width = {16: 2, 32: 4}[bits]
        levels = ramps(3, 5).astype(np.uint16) if bits == 16 else ramps(3, 8)
        if bits == 16:
            packed = levels[..., 0] << 10 | levels[..., 1] << 5 | levels[..., 2]
            rows = packed.astype("<u2")[::-1].tobytes()
        else:
            bgrx = np.dstack([levels[..., ::-1], np.zeros((HEIGHT, WIDTH), np.uint8)])
            rows = bgrx[::-1].tobytes()
        assert WIDTH * width % 4 == 0
        info = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, bits, 0, *[0] * 5)
        content = b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) + info + rows
    elif bits == 24:
        content = saved(rgb, "BMP")
    else:
        mode = {1: "1", 4: "L", 8: "P"}[bits]
        content = saved(rgb.convert(mode), "BMP")
    photo = decode_photo(content, "a.bmp")
    check(photo, pillow(content))
    if bits == 16:
        check(photo, shown(np.rint(levels * (255 / 31)).astype(np.uint8)), atol=1)
    if bits == 32:
        check(photo, shown(levels))  # The fourth byte is not opacity.


@pytest.mark.parametrize("depth", [10, 12])
@pytest.mark.parametrize("channels", [3, 4])
def test_avif_of_more_bits(depth, channels):
    content = imagecodecs.avif_encode(
        ramps(channels, depth), level=95, bitspersample=depth
    )
    samples = imagecodecs.avif_decode(content)
    full = np.rint(samples * (65535 / (2**depth - 1))).astype(np.uint16)
    alpha = full[..., 3] if channels == 4 else None
    unit = 65535 // (2**depth - 1)
    check(decode_photo(content, "a.avif"), (full[..., :3], alpha), atol=2 * unit)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [4, 8, 9, 10, 12, 16])
def test_jpeg_2000_of_any_depth_is_right_or_refused(channels, bits):
    samples = ramps(channels, bits)
    content = imagecodecs.jpeg2k_encode(
        samples.squeeze(), level=0, reversible=True, bitspersample=bits
    )
    if bits == 8:
        check(decode_photo(content, "a.jp2"), shown(samples))
    elif channels == 1 and bits >= 10:
        full = np.rint(samples * (65535 / (2**bits - 1))).astype(np.uint16)
        check(decode_photo(content, "a.jp2"), shown(full))
    else:
        with pytest.raises(InputError, match="a depth that is not read"):
            decode_photo(content, "a.jp2")


def test_avif_with_fewer_colours_than_pixels():
    image = Image.fromarray(ramps(3, 8)).resize((8 * WIDTH, 8 * HEIGHT), 2)
    content = saved(image, "AVIF", quality=90, subsampling="4:2:0")
    check(decode_photo(content, "a.avif"), pillow(content), atol=4)


def test_jpeg_of_12_bits_is_read_or_refused():
    content = imagecodecs.jpeg8_encode(ramps(3, 12), level=95, bitspersample=12)
    with pytest.raises(InputError, match="precision 12"):
        decode_photo(content, "a.jpg")


@pytest.mark.parametrize(("depth", "mode"), [(8, "RGB"), (8, "RGBA"), (10, "RGB")])
def test_heic(depth, mode):
    pillow_heif = pytest.importorskip("pillow_heif", reason="heif")
    samples = ramps(len(mode), 8 if depth == 8 else 16)
    file = io.BytesIO()
    pillow_heif.options.SAVE_HDR_TO_12_BIT = False
    heif = pillow_heif.from_bytes(
        mode if depth == 8 else f"{mode};16", (WIDTH, HEIGHT), samples.tobytes()
    )
    heif.save(file, quality=-1, chroma=444)
    photo = decode_photo(file.getvalue(), "a.heic")
    alpha = samples[..., 3] if mode == "RGBA" else None
    tolerance = 3 if depth == 8 else 3 * 64
    check(photo, (samples[..., :3], alpha), atol=tolerance)


def test_colours_of_avif_are_carried(tmp_path):
    plain = saved(Image.fromarray(ramps(3, 8)), "AVIF", quality=100)
    place = plain.find(b"colrnclx") + 8
    for primaries, transfer in ((12, 13), (9, 16)):
        code = struct.pack(">HH", primaries, transfer)
        photo = decode_photo(plain[:place] + code + plain[place + 4 :], "a.avif")
        write_photo(tmp_path / "a.png", photo)
        chunk = png_chunk(b"cICP", bytes([primaries, transfer, 0, 1]))
        assert chunk in (tmp_path / "a.png").read_bytes()
        if primaries == 12:  # Display P3, also as a profile.
            write_photo(tmp_path / "a.jpg", photo)
            with Image.open(tmp_path / "a.jpg") as image:
                profile = io.BytesIO(image.info["icc_profile"])
                assert "P3" in ImageCms.getProfileDescription(profile)
        else:
            with pytest.raises(InputError, match="high dynamic range"):
                write_photo(tmp_path / "a.jpg", photo)
    assert not decode_photo(plain, "a.avif").metadata.colour


def test_heic_without_the_extra_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match="extra heif"):
        decode_photo(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a.heic")


@pytest.mark.parametrize(
    "content",
    [
        *(b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        *(b"%PDF-1.7\n", b"GIMP", b"\0" * 64, b"vips"),
    ],
)
def test_formats_that_run_programs_are_not_opened(content):
    with pytest.raises(InputError, match="in a format that is read"):
        decode_photo(content, "a.png")


# Metadata.

_TAGS = [0x10E, 0x10F, 0x110, 0x112, 0x11A, 0x128, 0x131, 0x132, 0x13B, 0x8298]
_TAGS += [0x8769, 0x8825, 0x9000, 0x927C, 0xA002, 0xA005, 0x14A, 0x9C9B]


def exif_block(tag, kind, count, order="<"):
    """One tag of any type and count, also one whose value lies outside."""
    value = struct.pack(f"{order}I", 26 if count < 1000 else 2**31)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    entry = struct.pack(f"{order}HHHI", 1, tag, kind, count)
    return head + entry + value + bytes(4) + bytes(range(1, 200))


def with_exif(content, kind, block):
    if kind == "JPEG":
        segment = b"Exif\0\0" + block
        return (
            content[:2]
            + struct.pack(">HH", 0xFFE1, len(segment) + 2)
            + segment
            + (content[2:])
        )
    if kind == "PNG":
        return content[:33] + png_chunk(b"eXIf", block) + content[33:]
    sides = struct.pack("<I", WIDTH - 1)[:3] + struct.pack("<I", HEIGHT - 1)[:3]
    head = b"VP8X" + struct.pack("<I", 10) + bytes([8, 0, 0, 0]) + sides
    block += bytes(len(block) % 2)
    body = b"WEBP" + head + content[12:] + b"EXIF" + struct.pack("<I", len(block))
    body += block
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.filterwarnings("ignore:Metadata Warning:UserWarning")  # Pillow's.
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_of_any_type_and_count_never_decides(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    content = saved(Image.fromarray(ramps(3, 8)), kind, **options)
    expected, _ = pillow(content)
    for tag, type_, count, order in itertools.product(
        _TAGS, range(14), (0, 1, 3, 2**31), "<>"
    ):
        block = exif_block(tag, type_, count, order)
        photo = decode_photo(with_exif(content, kind, block), "a")
        if photo.pixels.shape == expected.shape and tag != 0x112:
            np.testing.assert_array_equal(photo.pixels, expected)
        exif = photo.metadata.exif
        if exif is not None and type_ in (1, 5, 12):
            with Image.open(
                io.BytesIO(with_exif(content, kind, exif.block()))
            ) as image:
                image.load()


@pytest.mark.parametrize("place", ["icc", "xmp", "iptc", "text"])
def test_damaged_metadata_never_decides(place):
    junk = bytes(range(256)) * 3
    plain = saved(Image.fromarray(ramps(3, 8)), "PNG")
    chunk = {
        "icc": png_chunk(b"iCCP", b"x\0\0" + junk),
        "xmp": png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0" + junk),
        "iptc": png_chunk(b"zTXt", b"Raw profile type iptc\0\0" + junk),
        "text": png_chunk(b"tEXt", b"Raw profile type exif\0" + junk)[:-4] + b"\0" * 4,
    }[place]
    content = plain[:33] + chunk + plain[33:]
    check(decode_photo(content, "a.png"), pillow(plain))
    jpeg = saved(Image.fromarray(ramps(3, 8)), "JPEG")
    segment = {
        "icc": b"\xff\xe2" + b"ICC_PROFILE\0\x05\x02",
        "xmp": b"\xff\xe1" + b"http://ns.adobe.com/xap/1.0/\0",
        "iptc": b"\xff\xed" + b"Photoshop 3.0\08BIM\x04\x04\0\0\0\0\xff\xff",
        "text": b"\xff\xe0" + b"JFIF\0\1\1",
    }[place] + junk
    segment = segment[:2] + struct.pack(">H", len(segment)) + segment[2:]
    content = jpeg[:2] + segment + jpeg[2:]
    check(decode_photo(content, "a.jpg"), pillow(jpeg))


def test_compressed_profile_bomb_is_left_out():
    bomb = zlib.compress(bytes(2**26))
    plain = saved(Image.fromarray(ramps(3, 8)), "PNG")
    content = plain[:33] + png_chunk(b"iCCP", b"x\0\0" + bomb) + plain[33:]
    assert decode_photo(content, "a.png").metadata.icc_profile is None


XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><a tiff:Orientation='6'/></x:xmpmeta>"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("source", ["jpg", "png", "tif", "webp", "avif"])
@pytest.mark.parametrize("target", ["jpg", "png", "tif", "webp", "avif"])
def test_metadata_is_carried_between_all_formats(tmp_path, source, target):
    exif = Image.Exif()
    exif[0x10F], exif[0x8298] = "Maker", "Somebody"
    exif.get_ifd(0x8769)[0x829A] = 0.125
    exif.get_ifd(0x8769)[0x927C] = b"note of the maker"
    exif.get_ifd(0x8825)[1] = "N"
    kind = {"jpg": "JPEG", "tif": "TIFF"}.get(source, source.upper())
    options = {"exif": exif, "icc_profile": SRGB, "dpi": (300, 300), "xmp": XMP}
    if source == "tif":
        del options["xmp"]
        exif[700], exif[33723] = XMP, b"\x1c\x02\x05\0\x03abc"
        options["exif"] = exif.tobytes()
    if source == "png":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options["pnginfo"] = text
    if source == "avif":
        del options["dpi"]
    Image.fromarray(ramps(3, 8)).save(tmp_path / f"a.{source}", kind, **options)
    write_photo(tmp_path / f"b.{target}", read_photo(tmp_path / f"a.{source}"))
    with Image.open(tmp_path / f"b.{target}") as image:
        kept = image.getexif()
        tags = dict(kept)
        assert (tags[0x10F], tags[0x8298]) == ("Maker", "Somebody")
        assert kept.get_ifd(0x8769)[0x829A] == 0.125
        assert kept.get_ifd(0x8769)[0x927C] == b"note of the maker"
        assert kept.get_ifd(0x8825)[1] == "N"
        assert image.info["icc_profile"] == SRGB
        xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
        xmp = xmp.encode() if isinstance(xmp, str) else xmp
        assert xmp == XMP.replace(b"'6'", b"'1'")
        if source in ("jpg", "png", "tif") and target in ("jpg", "png", "tif"):
            dpi = [float(x) for x in image.info["dpi"]]
            np.testing.assert_allclose(dpi, 300, atol=0.01)
        if source == "tif" and target == "tif":
            assert image.tag_v2[33723] == b"\x1c\x02\x05\0\x03abc"


@pytest.mark.parametrize("target", ["jpg", "tif", "png"])
def test_iptc_is_carried(tmp_path, target):
    records = b"\x1c\x02\x05\0\x03abc"
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records
    segment = b"Photoshop 3.0\0" + resource
    jpeg = saved(Image.fromarray(ramps(3, 8)), "JPEG")
    head = struct.pack(">HH", 0xFFED, len(segment) + 2)
    (tmp_path / "a.jpg").write_bytes(jpeg[:2] + head + segment + jpeg[2:])
    write_photo(tmp_path / f"b.{target}", read_photo(tmp_path / "a.jpg"))
    with Image.open(tmp_path / f"b.{target}") as image:
        if target == "jpg":
            assert image.info["photoshop"][0x404] == records
        elif target == "tif":
            assert image.tag_v2[33723] == records
        else:
            lines = image.text["Raw profile type iptc"].split()
            assert bytes.fromhex("".join(lines[2:])) == records


def test_gamma_and_code_points_of_png_are_carried(tmp_path):
    chunks = [(b"cICP", bytes([9, 16, 0, 1])), (b"gAMA", struct.pack(">I", 100000))]
    chunks.append((b"cHRM", bytes(range(32))))
    plain = saved(Image.fromarray(ramps(3, 8)), "PNG")
    extra = b"".join(itertools.starmap(png_chunk, chunks))
    (tmp_path / "a.png").write_bytes(plain[:33] + extra + plain[33:])
    photo = read_photo(tmp_path / "a.png")
    write_photo(tmp_path / "b.png", photo)
    content = (tmp_path / "b.png").read_bytes()
    assert all(png_chunk(kind, data) in content for kind, data in chunks)
    with pytest.raises(InputError, match="high dynamic range"):
        write_photo(tmp_path / "b.jpg", photo)


def test_maker_note_too_long_for_jpeg_is_left_out(tmp_path):
    exif = Image.Exif()
    exif[0x10F] = "Maker"
    exif.get_ifd(0x8769)[0x927C] = bytes(70000)
    Image.fromarray(ramps(3, 8)).save(tmp_path / "a.png", exif=exif)
    write_photo(tmp_path / "b.jpg", read_photo(tmp_path / "a.png"))
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.getexif()[0x10F] == "Maker"


def test_reading_changes_nothing_of_the_process():
    before = Image.MAX_IMAGE_PIXELS
    with contextlib.suppress(InputError):
        decode_photo(saved(Image.fromarray(ramps(3, 8)), "BMP"), "a", max_pixels=10)
    assert before == Image.MAX_IMAGE_PIXELS
