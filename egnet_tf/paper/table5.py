"""How much a network's last features depend on the sharp image: the paper's Table 5.

python -m egnet_tf.paper.table5 --model=runs/without_egn,runs/with_egn --dataset=samples

A row per model: the mean over the images of nHSIC with the sharp image over nHSIC with
the blurry one, which is 1. The features are what enters the last convolution;
estimator, kernels and samples are described in `egnet_tf.metrics.hsic`.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from absl.flags import FlagValues

from egnet_tf.cli import app, dataset_flags, flags
from egnet_tf.errors import InputError, require
from egnet_tf.options import option

if TYPE_CHECKING:
    from egnet_tf.data import Pairs
    from egnet_tf.models import LoadedModel


@dataclasses.dataclass(frozen=True)
class Options:
    """What is measured."""

    model: tuple[str, ...] = option(
        (), "Folders of runs, or variants with shipped weights."
    )
    images: int = option(
        0, "Number of images, the first ones of the dataset; 0 for all.", lower=0
    )
    crop: int = option(
        256, "Side in pixels of the window that is cut out of each image.", lower=8
    )
    samples: int = option(
        1000, "Number of positions that are drawn in each window.", lower=2
    )
    patch: int = option(
        5, "Side in pixels of the patches around the positions, an odd number.", lower=1
    )
    output: str = option("", "A CSV file to write, with a row per image.")


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


def define_flags(values: FlagValues) -> None:
    """Defines the flags of the command."""
    flags.define(Options, values)
    dataset_flags.define(values)


def main(values: FlagValues) -> None:
    """Measures every model on the same windows and positions."""
    from egnet_tf.cli.table import aligned, write_csv
    from egnet_tf.inference.resolve import resolve

    require("tensorflow")
    options = flags.read(Options, values)
    if not options.model or options.patch % 2 == 0:
        raise InputError(
            "Expected --model=run,... and an odd --patch. "
            f"Received: {','.join(options.model) or 'no model'} and {options.patch}"
        )
    pairs = dataset_flags.open_pairs(values)
    weights = {model: resolve(model).weights() for model in options.model}

    from tqdm import tqdm

    from egnet_tf import models

    count = min(options.images or len(pairs), len(pairs))
    rows: list[ImageRow] = []
    table = []
    for model, folder in weights.items():
        measured = measure(models.load(folder), model, pairs, values.seed, options)
        found = list(tqdm(measured, model, count, unit="image"))
        rows += found
        ratio = statistics.fmean(row.ratio for row in found)
        table.append(ModelRow(model, count, 1, ratio))
    print(aligned(table))
    if options.output:
        write_csv(options.output, rows)


def measure(
    loaded: LoadedModel, name: str, pairs: Pairs, seed: int, options: Options
) -> Iterator[ImageRow]:
    """Measures a model on one window of each image.

    The seed is that of the windows and the positions; `name` stands in the rows.

    Raises:
        InputError: the network does not take such windows, or they have too few
            positions.
    """
    from egnet_tf.images.convert import to_float
    from egnet_tf.metrics.hsic import dependence_on_images
    from egnet_tf.models import last_features

    crop, samples, patch = options.crop, options.samples, options.patch
    if crop % loaded.size_multiple:
        raise InputError(
            f"Expected --crop to be a multiple of {loaded.size_multiple} for {name}. "
            f"Received: {crop}"
        )
    network = last_features(loaded.network)
    for index in range(min(options.images or len(pairs), len(pairs))):
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
