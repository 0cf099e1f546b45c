"""Writes the photos that the page's tests use: python photos.py folder."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

folder = Path(sys.argv[1])
sample = Path(__file__).parents[1] / "static" / "samples" / "coffee.jpg"
photo = Image.open(sample)

photo.save(folder / "photo.png")
photo.crop((150, 50, 406, 306)).save(folder / "tile.png")
photo.crop((100, 50, 580, 306)).save(folder / "two_tiles.png")
photo.crop((0, 0, 60, 90)).save(folder / "small.png")

# A phone held upright: stored sideways, to be rotated by 90 degrees.
exif = Image.Exif()
exif[0x0112] = 6
photo.crop((100, 50, 500, 300)).save(folder / "rotated.jpg", exif=exif, quality=95)

# With a profile that calls the first channel blue: a browser converts the numbers,
# unless it is asked not to.
icc = Image.open(sample.parents[1] / "colour_probe.png").info["icc_profile"]
details = Image.Exif()
details[0x010F] = "A camera"
photo.crop((150, 50, 406, 306)).save(
    folder / "profile.png", icc_profile=icc, exif=details, dpi=(240, 240)
)

# Wider than the previews, so that details are asked for; one tile high.
wide = np.tile(np.asarray(photo)[:256], (1, 4, 1))
Image.fromarray(wide).save(folder / "wide.png")

# 72 megapixels of one colour: a small file that is a large photo.
Image.new("1", (9000, 8000)).save(folder / "huge.gif")
