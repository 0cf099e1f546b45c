"""Says what a saved photo says of itself: python saved.py photo saved (prints JSON)."""

import json
import sys

from PIL import Image

from egnet_tf.images.read import read_photo

source, saved = (read_photo(path).metadata for path in sys.argv[1:])
height, width = read_photo(sys.argv[2]).pixels.shape[:2]
resolution = saved.resolution or source.resolution
print(
    json.dumps(
        {
            "profile": saved.icc_profile is not None
            and saved.icc_profile == source.icc_profile,
            "exif": saved.exif is not None
            and saved.exif == source.exif.upright(width, height),
            "dots": round(resolution[0] * 0.0254),
            "format": Image.open(sys.argv[2]).format,
        }
    )
)
