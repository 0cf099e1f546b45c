"""Restores the test photos with egnet_tf: python reference.py dist folder.

Each `<name>.png` or `<name>.jpg` in the folder, rotated upright by its EXIF
orientation, is restored by the page's files and written as `<name>.rgb` and, by the
int8 file, `<name>.int8.rgb`; unrestored as `<name>.blurry.rgb`: row-major, three bytes
a pixel.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import egnet_tf

dist = Path(sys.argv[1])
half = egnet_tf.load(dist / "model.tflite")
# Not there if the page was built with a model of one's own.
file = dist / "model_int8.tflite"
int8 = egnet_tf.load(file) if file.exists() else None
for path in sorted(Path(sys.argv[2]).iterdir()):
    if path.suffix in (".png", ".jpg"):
        photo = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
        path.with_suffix(".blurry.rgb").write_bytes(photo.tobytes())
        path.with_suffix(".rgb").write_bytes(half(photo).tobytes())
        if int8 and path.stem == "tile":
            path.with_suffix(".int8.rgb").write_bytes(int8(photo).tobytes())
