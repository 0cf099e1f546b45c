"""The dataset `samples`: photographs that come with installed packages.

The wheels of scikit-image and scikit-learn contain eight colour photographs; nothing is
downloaded. Their grey images, drawings and screenshots are left out, and so are
microscopy (ihc), the retina (a medical instrument's circular view) and the Hubble deep
field (not taken by a hand-held camera).

The two motorcycle images are a stereo pair of one scene, so both are for training.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path

from egnet_tf.data.datasets.camera_shake import CameraShakeOptions, CameraShakePairs
from egnet_tf.data.registry import Request, dataset
from egnet_tf.data.synthesis.camera_shake import MAX_EXTENT
from egnet_tf.errors import InputError, require
from egnet_tf.options import option

_SKIMAGE = ("skimage", "data")
_SKLEARN = ("sklearn", "datasets/images")

_PHOTOS = {
    "train": {
        "china": (*_SKLEARN, "china.jpg"),
        "coffee": (*_SKIMAGE, "coffee.png"),
        "flower": (*_SKLEARN, "flower.jpg"),
        "motorcycle_left": (*_SKIMAGE, "motorcycle_left.png"),
        "motorcycle_right": (*_SKIMAGE, "motorcycle_right.png"),
    },
    # A portrait with lettering, fur, and a night scene with fine lattices.
    "test": {
        "astronaut": (*_SKIMAGE, "astronaut.png"),
        "chelsea": (*_SKIMAGE, "chelsea.png"),
        "rocket": (*_SKIMAGE, "rocket.jpg"),
    },
}

_TEST_SHAKES = 2


@dataclasses.dataclass(frozen=True)
class SamplesOptions:
    """Strength of the camera shake on the sample photographs."""

    extent: float = option(
        MAX_EXTENT,
        "The longest camera shake of --dataset=samples, in pixels.",
        lower=0.0,
    )


def sample_photos(split: str) -> dict[str, Path]:
    """The files of a split, by name: "train" has 5 photographs, "test" 3 others.

    Raises:
        InputError: scikit-image or scikit-learn is not installed, or came without
            its photographs.
    """
    photos = {}
    for name, (package, folder, file) in _PHOTOS[split].items():
        # Found without importing the package, which would cost a second.
        require(package)
        spec = importlib.util.find_spec(package)
        where = (spec and spec.submodule_search_locations) or [""]
        path = Path(where[0], folder, file)
        if not path.is_file():
            raise InputError(
                "Expected scikit-image and scikit-learn with their sample images, as "
                f"their wheels have them. Received: no {package}/{folder}/{file}"
            )
        photos[name] = path
    return photos


@dataset("samples", SamplesOptions)
def open_samples(request: Request, options: SamplesOptions) -> CameraShakePairs:
    """Opens the sample photographs under camera shake.

    Each test photograph is blurred by two kernels, so that the score depends less on a
    single one.

    Returns:
        5 pairs for training, 6 for testing; no photograph is in both.
    """
    return CameraShakePairs(
        sample_photos(request.split),
        CameraShakeOptions(extent=options.extent),
        seed=request.seed,
        shakes=_TEST_SHAKES if request.split == "test" else 1,
        read=request.read,
    )
