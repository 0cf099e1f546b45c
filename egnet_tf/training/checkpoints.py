"""The latest checkpoints of one phase, and going on from the last sound one."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import tensorflow as tf
from absl import logging

from egnet_tf.errors import InputError
from egnet_tf.training.averages import WeightAverages
from egnet_tf.training.phases import Phase

_KEPT = 3


class Checkpoints:
    """Saves and restores the step, the networks and the optimizer of a phase.

    Args:
        folder: of this phase's checkpoints.
        phase: whose networks are saved.
        optimizer: built, so that its state exists.
        averages: of the weights, if the run has them.
    """

    def __init__(
        self,
        folder: Path,
        phase: Phase,
        optimizer,
        averages: WeightAverages | None = None,
    ):
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        parts = {"network": phase.network, "optimizer": optimizer, "step": self.step}
        if phase.ensemble is not None:
            parts["ensemble"] = phase.ensemble
        if averages is not None:
            parts["averages"] = averages.values
        self._manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(**parts),
            str(folder),
            max_to_keep=_KEPT,
            step_counter=self.step,
        )
        self._clock = folder / "seconds"
        self._spent, self._began = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """Time that led to the present step, over all processes that went on here."""
        return self._spent + time.monotonic() - self._began

    def restore(self) -> int:
        """Restores the latest checkpoint that is whole.

        Returns:
            The steps already done; 0 without a checkpoint.

        Raises:
            InputError: there are checkpoints, but none is whole.
        """
        paths = self._manager.checkpoints
        for path in reversed(paths):
            try:
                self._manager.checkpoint.restore(path).assert_consumed()
            except (tf.errors.OpError, AssertionError, ValueError) as error:
                reason = str(error).strip().split("\n", 1)[0]
                logging.warning("Damaged checkpoint %s left out (%s)", path, reason)
                continue
            with contextlib.suppress(OSError, ValueError):
                self._spent = float(self._clock.read_text())
            return int(self.step)
        if paths:
            raise InputError(
                "Expected a whole checkpoint to go on from; delete the folder to "
                f"begin this phase again. Received: {Path(paths[0]).parent}"
            )
        return 0

    def save(self) -> None:
        """Saves everything as it is now.

        Raises:
            OSError: the disk is full or cannot be written; earlier checkpoints stay.
        """
        try:
            self._manager.save(checkpoint_number=self.step)
        except tf.errors.OpError as error:
            reason = error.message.strip().split("\n", 1)[0]
            raise OSError(f"Cannot save a checkpoint: {reason}") from error
        temporary = self._clock.with_name(".seconds")
        temporary.write_text(f"{self.seconds:.1f}\n")
        os.replace(temporary, self._clock)
