"""Restores the test photos by egnet_tf: python reference.py model.tflite folder.

Of each `<name>.png` or `.jpg` in the folder, upright as its EXIF orientation says:
`<name>.rgb`, the restored bytes, rows first, three a pixel.
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
