"""Writes the sample photos of the page: python mobile_demo/web/write_samples.py.

Two of scikit-image's photographs (both CC0: "coffee" by Pikolo Espresso Bar, "chelsea"
by Stefan van der Walt), blurred by simulated camera shake.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from egnet_tf.data.datasets.samples import sample_photos
from egnet_tf.data.synthesis.camera_shake import kernel_of, random_trajectory, shake

_FOLDER = Path(__file__).parent / "static" / "samples"
_SAMPLES = {"coffee": ("train", "coffee", 13.0), "cat": ("test", "chelsea", 9.0)}


def main() -> None:
    """Writes static/samples/*.jpg."""
    for name, (split, photo, extent) in _SAMPLES.items():
        rng = np.random.default_rng(3)
        sharp = np.asarray(Image.open(sample_photos(split)[photo]).convert("RGB"))
        path = random_trajectory(rng)
        path *= extent / np.ptp(path, axis=0).max()
        blurry = shake(sharp, kernel_of(path), rng)
        Image.fromarray(blurry).save(_FOLDER / f"{name}.jpg", quality=92)


if __name__ == "__main__":
    main()
