"""Photos with metadata, and what independent readers find in the copies of it.

    metadata.py write folder    writes photos, and images as a browser encodes them
    metadata.py read folder     compares each `<photo>_in_<image>` with both

The readers are Pillow and egnet_tf's own, which is none of the page's code.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from egnet_tf.images.read import read_photo

STORED, UPRIGHT = (40, 24), (24, 40)
SUFFIXES = (".jpg", ".png", ".webp")


def exif(endian: str) -> Image.Exif:
    """Tags of the image, the camera and the place; the image is stored sideways."""
    tags = Image.Exif()
    tags.endian = endian
    tags[0x0112] = 6
    tags[0x010F] = "A camera"
    tags[0x011A] = tags[0x011B] = 300.0
    tags[0x0128] = 2
    details = tags.get_ifd(0x8769)
    details[0x9003] = "2026:11:26 20:00:00"
    details[0xA002], details[0xA003] = STORED
    details[0x927C] = bytes(range(200))
    tags.get_ifd(0x8825)[1] = "N"
    tags.get_ifd(0x8825)[2] = (47.0, 22.0, 12.5)
    return tags


def write(folder: Path) -> None:
    """Writes the photos and the images."""
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (*STORED[::-1], 3), dtype=np.uint8))
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Long enough to need two segments of a JPEG file.
    long = icc + rng.integers(0, 256, 70_000, dtype=np.uint8).tobytes()
    long = len(long).to_bytes(4, "big") + long[4:]
    for suffix in SUFFIXES:
        for name, endian, profile in (("intel", "<", icc), ("motorola", ">", long)):
            image.save(
                folder / f"{name}{suffix}",
                exif=exif(endian),
                icc_profile=profile,
                dpi=(240, 240),
            )
    image.save(folder / "bare.jpg")
    image.save(folder / "dense.png", dpi=(150, 150))
    upright = Image.fromarray(rng.integers(0, 256, (*UPRIGHT[::-1], 3), dtype=np.uint8))
    folder = folder / "encoded"
    folder.mkdir()
    upright.save(folder / "plain.jpg", dpi=(72, 72))
    upright.save(folder / "plain.png")
    upright.save(folder / "lossy.webp")
    upright.save(folder / "lossless.webp", lossless=True)


def near(one: tuple[float, float] | None, other: tuple[float, float]) -> bool:
    """Whether two resolutions are the same, rounded to whole numbers an inch."""
    return one is not None and np.allclose(one, other, atol=0.5 / 0.0254)


def read(folder: Path) -> None:
    """Compares every copy with the photo and the image that it was made of."""
    count = 0
    for copy in sorted(folder.glob("*_in_*")):
        photo, image = copy.name.split("_in_")
        source = read_photo(folder / photo).metadata
        received = read_photo(copy)
        bare = read_photo(folder / "encoded" / image)
        assert (received.pixels == bare.pixels).all(), copy.name
        carried = received.metadata
        assert carried.icc_profile == source.icc_profile, copy.name
        opened = Image.open(copy)
        assert (np.asarray(opened) == bare.pixels).all(), copy.name
        tags = opened.getexif()
        if source.exif:
            details = dict(source.exif.details)
            assert carried.exif == source.exif.upright(*UPRIGHT), copy.name
            assert details[0x927C].content == bytes(range(200))
            assert tags[0x0112] == 1 and tags.get_ifd(0x8769)[0xA002] == UPRIGHT[0]
        expected = source.resolution
        if copy.suffix == ".webp":  # It has no place but EXIF.
            if expected and not source.exif:
                assert np.isclose(tags[0x011A], expected[0] * 0.0254, rtol=1e-3)
        elif expected:
            assert near(carried.resolution, expected), (copy.name, carried.resolution)
        elif source.exif:
            assert near(carried.resolution, (300 / 0.0254,) * 2), copy.name
        else:
            without = replace(carried, colour=(), resolution=None)
            assert not without.exif and not without.icc_profile, copy.name
        count += 1
    print(count)


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))
