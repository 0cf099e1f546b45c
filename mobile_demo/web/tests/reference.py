"""Restores the test photos with egnet_tf: python reference.py model.tflite folder.

Each `<name>.png` or `<name>.jpg` in the folder, rotated upright by its EXIF
orientation, is restored and written as `<name>.rgb`: row-major, three bytes a pixel.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import egnet_tf

restorer = egnet_tf.load(sys.argv[1])
for path in sorted(Path(sys.argv[2]).iterdir()):
    if path.suffix in (".png", ".jpg"):
        photo = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        path.with_suffix(".rgb").write_bytes(restorer(np.asarray(photo)).tobytes())
