"""How much a network's last features depend on the sharp image: the paper's Table 5.

python -m egnet_tf.paper.table5 --model=runs/without_egn,runs/with_egn --dataset=samples

A row per model: the mean over the images of nHSIC with the sharp image over nHSIC with
the blurry one, which is 1. The features are what enters the last convolution;
estimator, kernels and samples are described in `egnet_tf.metrics.hsic`.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from absl import flags

from egnet_tf.cli import app, dataset_flags
from egnet_tf.errors import InputError

if TYPE_CHECKING:
    from egnet_tf.data import Pairs
    from egnet_tf.models import LoadedModel


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


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command."""
    flags.DEFINE_list(
        "model",
        None,
        "Folders of runs, or variants with shipped weights.",
        required=True,
        flag_values=values,
    )
    dataset_flags.define(values)
    flags.DEFINE_integer(
        "images",
        0,
        "Number of images, the first ones of the dataset; 0 for all.",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "crop",
        256,
        "Side in pixels of the window that is cut out of each image.",
        lower_bound=8,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "samples",
        1000,
        "Number of positions that are drawn in each window.",
        lower_bound=2,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "patch",
        5,
        "Side in pixels of the patches around the positions, an odd number.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_string(
        "output", None, "A CSV file to write, with a row per image.", flag_values=values
    )


def main(values: flags.FlagValues) -> None:
    """Measures every model on the same windows and positions."""
    from egnet_tf.cli.table import aligned, write_csv
    from egnet_tf.inference.resolve import resolve

    if values.patch % 2 == 0:
        raise InputError(f"Expected an odd --patch. Received: {values.patch}")
    pairs = dataset_flags.open_pairs(values)
    weights = {model: resolve(model).weights() for model in values.model}

    from tqdm import tqdm

    from egnet_tf import models

    count = min(values.images or len(pairs), len(pairs))
    sizes = values.crop, values.samples, values.patch
    rows: list[ImageRow] = []
    table = []
    for model, folder in weights.items():
        measured = measure(
            models.load(folder), model, pairs, count, values.seed, *sizes
        )
        found = list(tqdm(measured, model, count, unit="image"))
        rows += found
        ratio = statistics.fmean(row.ratio for row in found)
        table.append(ModelRow(model, count, 1, ratio))
    print(aligned(table))
    if values.output:
        write_csv(values.output, rows)


def measure(
    loaded: LoadedModel,
    name: str,
    pairs: Pairs,
    count: int,
    seed: int,
    crop: int = 256,
    samples: int = 1000,
    patch: int = 5,
) -> Iterator[ImageRow]:
    """Measures a model on one window of each image.

    Args:
        loaded: the model.
        name: of the model in the rows.
        pairs: the images.
        count: how many of them.
        seed: of the windows and the positions.
        crop: side of the windows in pixels.
        samples: positions in each window.
        patch: odd side of the patches around them in pixels.

    Raises:
        InputError: the network does not take such windows, or they have too few
            positions.
    """
    from egnet_tf.images.convert import to_float
    from egnet_tf.metrics.hsic import dependence_on_images
    from egnet_tf.models import last_features

    if crop % loaded.size_multiple:
        raise InputError(
            f"Expected --crop to be a multiple of {loaded.size_multiple} for {name}. "
            f"Received: {crop}"
        )
    network = last_features(loaded.network)
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        blurry, sharp = pairs.crop(index, crop, rng)
        features = network(to_float(blurry)[None], training=False)[0].numpy()
        positions = features.shape[0] * features.shape[1]
        if samples > positions:
            raise InputError(
                f"Expected --samples of at most {positions}, the positions of the "
                f"features of {name}. Received: {samples}"
            )
        found = dependence_on_images(features, blurry, sharp, rng, samples, patch)
        yield ImageRow(name, pairs.names[index], *found, found.ratio)


if __name__ == "__main__":
    app.run(define_flags, main)
