"""Distribution strategy and coordination of workers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.training.workers import environment_index

LOST_WORKER = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)
"""What TensorFlow raises where another worker is gone."""


def device_strategy(name: str) -> tf.distribute.Strategy:
    """Makes a strategy; before anything else that TensorFlow computes.

    Args:
        name: "one_device", the first GPU or the CPU; "mirrored", all GPUs of this
            machine in synchrony, or its CPU; "multi_worker", the same over several
            processes, of which each finds its place in the environment variable
            TF_CONFIG. The last one waits until all processes have joined.

    Raises:
        InputError: TF_CONFIG is missing or unreadable.
    """
    if name == "one_device":
        gpus = tf.config.list_logical_devices("GPU")
        return tf.distribute.OneDeviceStrategy("/GPU:0" if gpus else "/CPU:0")
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    environment_index()
    return tf.distribute.MultiWorkerMirroredStrategy()


def num_workers(strategy: tf.distribute.Strategy) -> int:
    """Returns the number of processes that train together."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 1
    return len(strategy.cluster_resolver.cluster_spec().job_tasks("worker"))


def worker_index(strategy: tf.distribute.Strategy) -> int:
    """Returns the index of this process; 0 is the chief, the only one that writes."""
    return 0 if num_workers(strategy) == 1 else strategy.cluster_resolver.task_id


def all_workers_agree(strategy: tf.distribute.Strategy, value: int) -> bool:
    """Returns whether all processes have the same number, once all have asked."""

    @tf.function(autograph=False)
    def extremes(number):
        def gather():
            both = tf.stack([number, -number])
            context = tf.distribute.get_replica_context()
            return context.all_gather(both[None], axis=0)

        gathered = strategy.run(gather)
        return strategy.experimental_local_results(gathered)[0]

    if num_workers(strategy) == 1:
        return True
    numbers = extremes(tf.constant(value, tf.int64)).numpy()
    return len({tuple(row) for row in numbers}) == 1


def check_same_checkpoint(
    strategy: tf.distribute.Strategy, step: int, run: Path
) -> None:
    """Checks that all workers resume the run in the folder at the same step.

    Raises:
        InputError: another worker resumes at another step.
    """
    if not all_workers_agree(strategy, step):
        raise InputError(
            "Expected all workers to resume from one checkpoint: is --run on a disk "
            f"that all of them share? Received: step {step} in {run}"
        )


@contextlib.contextmanager
def lost_worker_errors(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turns the many errors about a worker that is gone into one line.

    Raises:
        InputError: another worker of this run ended or cannot be reached.
    """
    try:
        yield
    except LOST_WORKER as error:
        if num_workers(strategy) == 1:
            raise
        reason = error.message.strip().split("\n", 1)[0]
        raise InputError(
            "Expected all workers to stay: start all of them again with the same "
            "command, and the run resumes from its last checkpoint. "
            f"Received: {reason}"
        ) from error
