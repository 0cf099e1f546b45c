"""Reports of losses and gradients that are not finite, with the images' names."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.training.state import TrainState


def report_non_finite(
    state: TrainState,
    names: Sequence[str],
    shares: Iterable[tf.Tensor],
    *,
    skipped: bool,
) -> None:
    """Warns of, or refuses, a training step without a finite loss and gradient.

    `shares` holds the indices into `names`, the training pairs, for each device of this
    process; `state` is that after the step.

    Raises:
        InputError: the step was not skipped.
    """
    step = int(state.step)
    images = ", ".join(sorted({names[int(i)] for share in shares for i in share}))
    where = f"step {step} of the {state.phase.name} phase"
    if not skipped:
        raise InputError(
            f"Expected a finite loss and gradient; {where} gave none (learning rate "
            f"too high, or a bad image?). Received: a batch of {images}"
        )
    logging.getLogger(__name__).warning(
        "Skipped %s, %d in all: its loss or gradient is not finite. Batch: %s",
        *(where, step - state.updates, images),
    )
