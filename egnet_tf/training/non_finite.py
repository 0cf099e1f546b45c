"""Reports of losses and gradients that are not finite, with the images' names."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.training.state import TrainState


class NonFiniteReport:
    """Warns of, or refuses, a training step without a finite loss and gradient.

    Args:
        names: the names of the training pairs.
        strategy: the run's distribution strategy.
        skip: whether the step was skipped, and training continues.
    """

    def __init__(
        self, names: Sequence[str], strategy: tf.distribute.Strategy, skip: bool
    ):
        self._names, self._strategy, self._skip = names, strategy, skip

    def __call__(self, state: TrainState, batch: Mapping[str, tf.Tensor]) -> None:
        """Reports the step that was just done.

        Args:
            state: the state after the step.
            batch: the batch of the step; `index` holds the numbers of its pairs.

        Raises:
            InputError: steps are not to be skipped.
        """
        step = int(state.step)
        shares = self._strategy.experimental_local_results(batch["index"])
        images = sorted(
            {self._names[int(i)] for share in shares for i in share.numpy()}
        )
        where = f"step {step} of the {state.phase.name} phase"
        if not self._skip:
            raise InputError(
                f"Expected a finite loss and gradient; {where} gave none (learning "
                "rate too high, or a bad image?). "
                f"Received: a batch of {', '.join(images)}"
            )
        logging.getLogger(__name__).warning(
            "Skipped %s, %d in all: its loss or gradient is not finite. Batch: %s",
            *(where, step - state.updates, ", ".join(images)),
        )
