"""Damages small image files at random and reads them: run by test_damaged.py.

python mutants.py SEED COUNT FOLDER

Each file is written to FOLDER/last before it is read, so that one that ends the process
is found there. Prints how many were read and how many were refused.
"""

import faulthandler
import importlib.util
import io
import struct
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from egnet_tf.benchmarks.memory import peak_resident
from egnet_tf.errors import InputError
from egnet_tf.images.read import decode_photo, read_image

MOST_SECONDS = 20
MOST_PIXELS = 2**22
MOST_BYTES = 300 * 2**20
"""Of the process. A photo of that size with four channels of 16 bits has 32 MiB."""


def seeds():
    """Yields small files of each format: name and content."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:24, :40]
    rgb = np.stack([6 * x, 10 * y, 255 - 6 * x], -1).astype(np.uint8)
    noise = rng.integers(0, 256, (24, 40, 4), np.uint8)
    exif = Image.Exif()
    exif[0x10F], exif[0x112] = "Maker", 6
    exif.get_ifd(0x8769)[0x829A] = 0.125
    variants = [
        ("JPEG", "RGB", {"quality": 90}),
        ("JPEG", "CMYK", {"progressive": True}),
        ("JPEG", "L", {"restart_marker_rows": 1}),
        ("PNG", "RGBA", {}),
        ("PNG", "P", {}),
        ("PNG", "1", {}),
        ("TIFF", "RGB", {}),
        ("TIFF", "RGBA", {"compression": "tiff_lzw"}),
        ("TIFF", "1", {"compression": "group4"}),
        ("TIFF", "YCbCr", {"compression": "jpeg"}),
        ("WEBP", "RGB", {"quality": 80}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("GIF", "P", {}),
        ("AVIF", "RGB", {"quality": 80}),
        ("AVIF", "RGBA", {"quality": 50}),
        ("BMP", "P", {}),
        ("JPEG2000", "RGB", {}),
        ("QOI", "RGB", {}),
        ("TGA", "RGB", {"rle": True}),
        ("PCX", "P", {}),
    ]
    for kind, mode, options in variants:
        pixels = noise if mode == "RGBA" else rgb
        image = Image.fromarray(pixels).convert(mode)
        if kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
            options = {**options, "exif": exif}
        file = io.BytesIO()
        image.save(file, kind, **options)
        yield kind, file.getvalue()
    if importlib.util.find_spec("pillow_heif"):
        import pillow_heif

        file = io.BytesIO()
        heif = pillow_heif.from_bytes("RGB", (40, 24), rgb.tobytes())
        heif.save(file, quality=80)
        yield "HEIF", file.getvalue()


def mutate(content, rng):
    """Flips, cuts, repeats or removes bytes, and writes extreme lengths."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(len(content)))
        if rng.random() < 0.5:  # Headers are where most of the meaning is.
            place = min(place, int(rng.integers(1, 300)))
        how = rng.integers(6)
        if how <= 1:
            content[place] ^= int(rng.integers(1, 256))
        elif how == 2:
            values = [0, 1, 0x7F, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, len(content)]
            order = "<>"[rng.integers(2)]
            value = struct.pack(f"{order}I", values[rng.integers(len(values))])
            width = [2, 4][rng.integers(2)]
            value = value[:width] if order == "<" else value[-width:]
            content[place : place + width] = value
        elif how == 3:
            del content[max(place, 8) :]
        elif how == 4:
            del content[place : place + int(rng.integers(1, 16))]
        else:
            content[place:place] = content[place : place + int(rng.integers(1, 64))]
    return bytes(content)


def read(path):
    """Reads a file in both ways; returns whether it was an image."""
    content = path.read_bytes()
    outcomes = []
    for attempt in (
        lambda: decode_photo(content, "a.tga", MOST_PIXELS),
        lambda: read_image(path, MOST_PIXELS),
    ):
        faulthandler.dump_traceback_later(MOST_SECONDS, exit=True)
        try:
            attempt()
            outcomes.append(True)
        except InputError as error:
            assert "Received: " in str(error)
            assert "\n" not in str(error), str(error)
            outcomes.append(False)
    faulthandler.cancel_dump_traceback_later()
    return any(outcomes)


def main(seed, count, folder):
    faulthandler.enable()
    rng = np.random.default_rng(seed)
    files = list(seeds())
    last = folder / "last"
    images = 0
    for number in range(count):
        _, content = files[number % len(files)]
        last.write_bytes(mutate(content, rng))
        images += read(last)
    peak = peak_resident()
    assert peak < MOST_BYTES, f"{peak} bytes"
    print(f"{images} images, {count - images} refused")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
