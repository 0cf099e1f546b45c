"""From pairs of images to training batches: crop, augment, float, batch, prefetch.

Sample number k = step * batch + j, counted from the first step of training, decides
everything about itself: which pair (`Pairs.draw`), and, through its own random
generator, which window, blur and augmentation. So a run that continues at step s
sees the very batches that an uninterrupted one would have seen.

Memory: two decoded pairs or crops per processor, four batches (two wait, one becomes
float, one is put together), and what the dataset itself says it keeps.
"""

from __future__ import annotations

import collections
import contextlib
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from egnet_tf.data.augment import Augment, augmented
from egnet_tf.data.pairs import Pairs
from egnet_tf.errors import InputError

_WAITING_BATCHES = 2

# The latest errors of the reading threads; TensorFlow passes on only their text.
_failures: collections.deque[InputError] = collections.deque(maxlen=64)


def training_batches(
    pairs: Pairs,
    *,
    crop: int,
    batch: int,
    seed: int,
    first_step: int,
    steps: int,
    augment: Augment = Augment(),  # noqa: B008 (frozen)
    worker: int = 0,
    workers: int = 1,
) -> tf.data.Dataset:
    """Makes the batches of training steps first_step ... first_step + steps - 1.

    Iterate inside `readable_errors()`, so that a damaged file is reported as such.

    Args:
        pairs: the training pairs.
        crop: side of the crops in pixels.
        batch: the global batch, of all workers together.
        seed: of the run.
        first_step: number of the first batch; 0 at the start of training.
        steps: how many batches to make.
        augment: which augmentation.
        worker: number of this process, of several that share the global batch.
        workers: how many such processes; each makes batch / workers samples a step.

    Returns:
        A finite dataset of dicts: `blurry` and `sharp`, float32
        (batch / workers, crop, crop, 3) in [0, 1], and `index`, int64
        (batch / workers,), into `pairs.names`.

    Raises:
        InputError: the batch cannot be shared equally, or there are no pairs.
    """
    if batch % workers:
        raise InputError(
            f"Expected a global batch that {workers} workers share equally. "
            f"Received: {batch}"
        )
    if not len(pairs):
        raise InputError("Expected pairs to train on. Received: none")
    share = batch // workers

    def sample(number: np.int64) -> tuple[np.ndarray, np.ndarray, np.int64]:
        try:
            index = pairs.draw(int(number), seed)
            rng = np.random.default_rng((seed, 1, int(number)))
            pair = augmented(pairs.crop(index, crop, rng), augment, rng)
        except InputError as error:
            _failures.append(error)
            raise
        return pair.blurry, pair.sharp, np.int64(index)

    def load(position: tf.Tensor) -> dict[str, tf.Tensor]:
        step, j = tf.math.floordiv(position, share), tf.math.floormod(position, share)
        number = step * batch + worker * share + j
        blurry, sharp, index = tf.numpy_function(
            sample, [number], [tf.uint8, tf.uint8, tf.int64]
        )
        blurry.set_shape((crop, crop, 3 * len(pairs.inputs)))
        sharp.set_shape((crop, crop, 3))
        index.set_shape(())
        return {"blurry": blurry, "sharp": sharp, "index": index}

    def to_float(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {
            "blurry": tf.cast(batch["blurry"], tf.float32) / 255.0,
            "sharp": tf.cast(batch["sharp"], tf.float32) / 255.0,
            "index": batch["index"],
        }

    # Of itself TensorFlow would put together and convert up to a batch per processor
    # ahead, and more where it finds that faster.
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.map_parallelization = False
    options.experimental_optimization.parallel_batch = False
    first, last = first_step * share, (first_step + steps) * share
    return (
        tf.data.Dataset.range(first, last)
        .map(load, num_parallel_calls=os.cpu_count() or 1, deterministic=True)
        .batch(share, drop_remainder=True)
        .map(to_float)
        .prefetch(_WAITING_BATCHES)
        .with_options(options)
    )


@contextlib.contextmanager
def readable_errors() -> Iterator[None]:
    """Turns TensorFlow's error about a failed read back into our `InputError`.

    TensorFlow reports an exception of a reading thread as an error of its own, many
    lines long, when the batch is fetched. Within this context the original is
    raised instead.
    """
    try:
        yield
    except tf.errors.OpError as error:
        for failure in _failures:
            if str(failure) in error.message:
                raise failure from None
        raise
