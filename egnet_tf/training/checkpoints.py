"""The latest checkpoints of one phase, and going on from the last sound one."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import tensorflow as tf
from absl import logging

from egnet_tf.errors import InputError
from egnet_tf.training.state import TrainState

_KEPT = 3


class Checkpoints:
    """Saves and restores the step, the networks and the optimizer of a phase.

    Args:
        folder: of this phase's checkpoints.
        state: of the phase, with the optimizer built.
        saves: whether this process saves; of several workers only the chief does.
    """

    def __init__(self, folder: Path, state: TrainState, saves: bool = True):
        self._step, self._saves = state.step, saves
        parts = {
            "network": state.phase.network,
            "optimizer": state.optimizer,
            "step": state.step,
        }
        if state.phase.ensemble is not None:
            parts["ensemble"] = state.phase.ensemble
        if state.averages.values:
            parts["averages"] = state.averages.values
        self._manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(**parts),
            str(folder),
            max_to_keep=_KEPT,
            step_counter=state.step,
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
            return int(self._step)
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
        if not self._saves:
            return
        try:
            self._manager.save(checkpoint_number=self._step)
        except tf.errors.OpError as error:
            reason = error.message.strip().split("\n", 1)[0]
            raise OSError(f"Cannot save a checkpoint: {reason}") from error
        temporary = self._clock.with_name(".seconds")
        temporary.write_text(f"{self.seconds:.1f}\n")
        os.replace(temporary, self._clock)
