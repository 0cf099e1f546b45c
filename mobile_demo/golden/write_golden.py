"""Writes the golden files that the demos' tilers are tested on: python write_golden.py.

    axes.txt                 start and weights of each tile along some axes
    <name>_photo.ppm         a small image of noise
    <name>_restored.ppm      that image, restored in tiles of 16 by `egnet_tf.Restorer`
    tiles_blended.ppm        tiles_photo.ppm, restored with a strength of 0.35
    exif_photo.jpg           a photo with EXIF, stored sideways, with a thumbnail
    exif_encoded.jpg         an image without, upright, as a device encodes it
    exif_saved.jpg           that image with the photo's EXIF, corrected
    blur.json                for images of some sizes: the features of the first window,
                             the length and the doubt of each, and the estimate
                             (egnet_tf/metrics/blur.py)

The network is a stand-in that the demos' tests repeat: pixel (y, x) of a tile, channel
c, value v in [0, 1] becomes 1.25 v + ((7 y + 3 x + 5 c) mod 16) / 30 - 0.25. Its
value at a pixel differs from tile to tile, which exercises the blending, and leaves
[0, 1], which exercises the clipping.

The images of blur.json: pixel (y, x), channel c is the mean, rounded down, of nine
pixels (y, x) to (y, x + 8) of

    40 + 160 ((floor((x + 2 y) / 37) + floor((3 x + y) / 53)) mod 2)
       + ((7 y + 3 x + 5 c) mod 16).
"""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from egnet_tf.files import write_json
from egnet_tf.inference.restorer import Restorer
from egnet_tf.inference.tiling import tile_positions, tile_weights
from egnet_tf.metrics import blur

TILE = 16
AXES = [(16, 16, 2), (17, 16, 2), (40, 16, 2), (53, 16, 8), (33, 16, 0), (600, 256, 32)]
# Height and width: several tiles, one tile, padded on one axis, padded many times over.
IMAGES = {"tiles": (40, 53), "one": (16, 16), "flat": (5, 33), "dot": (1, 2)}
STRENGTH = 0.35
# Height and width: several windows, one, one that is shorter than the offsets, none.
BLURRED = [(400, 500), (192, 192), (60, 200), (40, 200)]


class StandIn:
    """The network of the docstring, a `Runner` of fixed tiles."""

    tile = size_multiple = TILE
    bytes_per_pixel = 0.0

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores float32 (B, 16, 16, 3)."""
        y, x, c = np.ogrid[:TILE, :TILE, :3]
        pattern = ((7 * y + 3 * x + 5 * c) % TILE) / 30 - 0.25
        return (1.25 * batch + pattern).astype(np.float32)


def write(folder: Path) -> None:
    """Writes all golden files into a folder."""
    lines = ["# length tile overlap | start | weights of that tile"]
    for length, tile, overlap in AXES:
        starts = tile_positions(length, tile, overlap)
        for start, weights in zip(
            starts, tile_weights(length, tile, overlap), strict=True
        ):
            # Nine significant digits identify every float32.
            numbers = " ".join(f"{weight:.9g}" for weight in weights)
            lines.append(f"{length} {tile} {overlap} | {start} | {numbers}")
    (folder / "axes.txt").write_text("\n".join(lines) + "\n")

    rng = np.random.default_rng(0)
    restorer = Restorer(StandIn())
    for name, (height, width) in IMAGES.items():
        photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(photo).save(folder / f"{name}_photo.ppm")
        Image.fromarray(restorer(photo)).save(folder / f"{name}_restored.ppm")
        if name == "tiles":
            blended = restorer(photo, strength=STRENGTH)
            Image.fromarray(blended).save(folder / "tiles_blended.ppm")
    write_exif(folder)
    write_json(folder / "blur.json", {"images": [_blur(size) for size in BLURRED]})


def write_exif(folder: Path) -> None:
    """Writes a photo with EXIF and what carrying that over makes of another file."""
    rng = np.random.default_rng(1)
    image = Image.fromarray(rng.integers(0, 256, (24, 40, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif.endian = ">"
    exif[0x0112] = 6
    exif[0x010F] = "A camera"
    exif[0x011A] = exif[0x011B] = 300.0
    details = exif.get_ifd(0x8769)
    details[0x9003] = "2026:11:26 20:00:00"
    details[0xA002], details[0xA003] = image.size
    exif.get_ifd(0x8825)[2] = (47.0, 22.0, 12.5)
    block = with_thumbnail(exif.tobytes()[6:], image)
    image.save(folder / "exif_photo.jpg", exif=b"Exif\0\0" + block)
    image.transpose(Image.Transpose.ROTATE_270).save(folder / "exif_encoded.jpg")
    encoded = (folder / "exif_encoded.jpg").read_bytes()
    content = b"Exif\0\0" + upright(block, image.height, image.width)
    segment = struct.pack(">BBH", 0xFF, 0xE1, len(content) + 2) + content
    place = 4 + struct.unpack(">H", encoded[4:6])[0]  # After JFIF's segment.
    saved = encoded[:place] + segment + encoded[place:]
    (folder / "exif_saved.jpg").write_bytes(saved)


def with_thumbnail(block: bytes, image: Image.Image) -> bytes:
    """The EXIF block (big-endian) with a second directory that has a thumbnail."""
    (first,) = struct.unpack(">I", block[4:8])
    (count,) = struct.unpack(">H", block[first : first + 2])
    link = first + 2 + 12 * count
    file = io.BytesIO()
    image.resize((8, 5)).save(file, "JPEG")
    start = len(block) + 2 + 2 * 12 + 4
    second = struct.pack(">H", 2)
    second += struct.pack(">HHII", 0x0201, 4, 1, start)
    second += struct.pack(">HHII", 0x0202, 4, 1, len(file.getvalue())) + bytes(4)
    pointer = struct.pack(">I", len(block))
    return block[:link] + pointer + block[link + 4 :] + second + file.getvalue()


def upright(block: bytes, width: int, height: int) -> bytes:
    """The EXIF block of `with_thumbnail`, corrected: each number where it is found."""
    for tag, value in ((0x0112, 1), (0xA002, width), (0xA003, height)):
        head = struct.pack(">HHI", tag, 3, 1)
        assert block.count(head) == 1, hex(tag)
        place = block.index(head) + 8
        block = block[:place] + struct.pack(">H", value) + block[place + 2 :]
    start = block.index(b"\xff\xd8\xff")
    (first,) = struct.unpack(">I", block[4:8])
    (count,) = struct.unpack(">H", block[first : first + 2])
    link = first + 2 + 12 * count
    return block[:link] + bytes(4) + block[link + 4 : start] + bytes(len(block) - start)


def _blur(size: tuple[int, int]) -> dict[str, object]:
    height, width = size
    y, x, c = np.ogrid[:height, : width + 8, :3]
    checks = ((x + 2 * y) // 37 + (3 * x + y) // 53) % 2
    base = 40 + 160 * checks + (7 * y + 3 * x + 5 * c) % 16
    total = sum(base[:, k : k + width] for k in range(9))
    image = (total // 9).astype(np.uint8)
    lengths, doubts = blur.window_lengths(image)
    first = blur.window_features(blur.windows(image)[0])
    return {
        "height": height,
        "width": width,
        "first_features": [float(f"{f:.9g}") for f in first] if lengths.size else [],
        "lengths": [float(f"{x:.9g}") for x in lengths],
        "doubts": [float(f"{x:.9g}") for x in doubts],
        "estimate": blur.blur_length(image),
    }


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
