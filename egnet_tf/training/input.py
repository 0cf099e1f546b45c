"""The batches of a phase, on the devices that train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from egnet_tf.data import Pairs
from egnet_tf.data.pipeline import training_batches
from egnet_tf.errors import InputError
from egnet_tf.training.recipe import Recipe
from egnet_tf.training.strategy import num_workers, worker_index


def device_batch_size(
    batch_size: int, accumulate: int, strategy: tf.distribute.Strategy
) -> int:
    """Returns a device's share of the global batch, a multiple of `accumulate`.

    Raises:
        InputError: the batch cannot be divided equally.
    """
    devices = strategy.num_replicas_in_sync
    if batch_size % (devices * accumulate):
        raise InputError(
            f"Expected --batch to be a multiple of {devices * accumulate}, devices "
            f"times --accumulate. Received: {batch_size}"
        )
    return batch_size // devices


def distributed_batches(
    pairs: Pairs,
    recipe: Recipe,
    strategy: tf.distribute.Strategy,
    first_step: int,
    steps: int,
) -> Iterator[Mapping[str, Any]]:
    """Returns the input of the steps from `first_step` on, counted over the whole run.

    Each is `blurry`, `sharp` and `index` (into `pairs.names`) for each device.

    Raises:
        InputError: the batch cannot be divided equally, or there are no pairs.
    """
    share = device_batch_size(recipe.batch, recipe.accumulate, strategy)
    batches = training_batches(
        pairs,
        crop=recipe.crop,
        batch=recipe.batch,
        seed=recipe.seed,
        first_step=first_step,
        steps=steps,
        augment=recipe.augment,
        worker=worker_index(strategy),
        workers=num_workers(strategy),
    )
    # Not a dataset of the strategy: among several workers, those ask each other
    # before every batch whether all have one.
    shares = iter(batches.rebatch(share, drop_remainder=True))
    values_of = strategy.experimental_distribute_values_from_function
    return (values_of(lambda _: next(shares)) for _ in range(steps))
