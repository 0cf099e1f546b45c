"""How much a network's last features depend on the sharp image: the paper's Table 5.

python -m egnet_tf.paper.table5 --model=runs/without_egn,runs/with_egn --dataset=samples

A row a model: the mean over the images of nHSIC with the sharp image over nHSIC
with the blurry one, which is 1. The features are what enters the last convolution;
estimator, kernels and samples are described in `egnet_tf.metrics.hsic`.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from absl import flags
from tqdm import tqdm

from egnet_tf import models
from egnet_tf.cli import app
from egnet_tf.cli.data_flags import DataFlags
from egnet_tf.cli.table import aligned, write_csv
from egnet_tf.data import Pairs
from egnet_tf.errors import InputError
from egnet_tf.metrics.hsic import dependence_on_images

if TYPE_CHECKING:
    import keras

_MODEL = flags.DEFINE_list(
    "model", None, "Runs' folders, or variants with shipped weights.", required=True
)
_DATA = DataFlags()
_IMAGES = flags.DEFINE_integer(
    "images", 0, "How many images, the first ones; 0 for all.", lower_bound=0
)
_CROP = flags.DEFINE_integer(
    "crop", 256, "Side of the window that is cut out of each image.", lower_bound=8
)
_SAMPLES = flags.DEFINE_integer(
    "samples", 1000, "Positions drawn in each window.", lower_bound=2
)
_PATCH = flags.DEFINE_integer(
    "patch", 5, "Side of the patches around them in pixels, odd.", lower_bound=1
)
_OUTPUT = flags.DEFINE_string("output", None, "A CSV file with a row an image.")


class ImageRow(NamedTuple):
    """nHSIC of one image, and their ratio."""

    model: str
    image: str
    blurry: float
    sharp: float
    ratio: float


class ModelRow(NamedTuple):
    """A row of Table 5."""

    model: str
    images: int
    blurry: int
    sharp: float


def main() -> None:
    """Measures every model on the same windows and positions."""
    pairs = _DATA.open()
    count = min(_IMAGES.value or len(pairs), len(pairs))
    rows: list[ImageRow] = []
    table = []
    for model in _MODEL.value:
        network = _features_of(model)
        measured = tqdm(
            _measured(model, network, pairs, count), model, count, unit="image"
        )
        of_model = list(measured)
        rows += of_model
        mean = statistics.fmean(row.ratio for row in of_model)
        table.append(ModelRow(model, count, 1, mean))
    print(aligned(table))
    if _OUTPUT.value:
        write_csv(Path(_OUTPUT.value), rows)


def _features_of(model: str) -> keras.Model:
    loaded = models.load(models.find_weights(model))
    positions = (_CROP.value // loaded.variant.backbone.stride) ** 2
    if _CROP.value % loaded.size_multiple or _SAMPLES.value > positions:
        raise InputError(
            f"Expected --crop to be a multiple of {loaded.size_multiple} and --samples "
            f"of at most {positions} for {model}. "
            f"Received: {_CROP.value} and {_SAMPLES.value}"
        )
    if _PATCH.value % 2 == 0:
        raise InputError(f"Expected an odd --patch. Received: {_PATCH.value}")
    return models.last_features(loaded.network)


def _measured(
    model: str, network: keras.Model, pairs: Pairs, count: int
) -> Iterator[ImageRow]:
    for index in range(count):
        # The seed of the data chooses windows and positions, too.
        rng = np.random.default_rng([_DATA.seed.value, index])
        blurry, sharp = pairs.crop(index, _CROP.value, rng)
        features = network(blurry[None].astype(np.float32) / 255, training=False)
        found = dependence_on_images(
            features[0].numpy(), blurry, sharp, rng, _SAMPLES.value, _PATCH.value
        )
        yield ImageRow(model, pairs.names[index], *found, found.ratio)


if __name__ == "__main__":
    app.run(main)
