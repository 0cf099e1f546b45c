"""The latest checkpoints of a phase, and resuming from the last whole one."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from pathlib import Path

import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.files import replacing
from egnet_tf.training.state import TrainState

_LOG = logging.getLogger(__name__)

_KEPT = 3

_DAMAGED = (
    tf.errors.OpError,
    AssertionError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What TensorFlow raises for files that are damaged in one way or another."""


class Checkpoints:
    """Saves and restores the state of a phase, in files ckpt-STEP.*.

    The files themselves say which checkpoints there are; no list of them is kept. The
    optimizer of `state` is built. Of several workers only the chief `saves`.
    """

    def __init__(self, folder: Path, state: TrainState, saves: bool = True):
        self._folder, self._step, self._saves = folder, state.step, saves
        parts = {
            "network": state.phase.network,
            "optimizer": state.optimizer,
            "step": state.step,
        }
        if state.phase.ensemble is not None:
            parts["ensemble"] = state.phase.ensemble
        if state.averages.values:
            parts["averages"] = state.averages.values
        self._checkpoint = tf.train.Checkpoint(**parts)
        self._clock = folder / "seconds"
        self._spent, self._began = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """Time that led to the present step, summed over all processes of the run."""
        return self._spent + time.monotonic() - self._began

    def restore(self) -> int:
        """Restores the latest checkpoint that is whole.

        Returns:
            The steps already done; 0 without a checkpoint.

        Raises:
            InputError: there are checkpoints, but none is whole.
        """
        paths = self._paths()
        for path in reversed(paths):
            try:
                self._checkpoint.restore(str(path)).assert_consumed()
            except _DAMAGED as error:
                reason = str(error).strip().split("\n", 1)[0]
                _LOG.warning("Skipped damaged checkpoint %s (%s)", path, reason)
                continue
            with contextlib.suppress(OSError, ValueError):
                self._spent = float(self._clock.read_text())
            return int(self._step)
        if paths:
            raise InputError(
                "Expected an undamaged checkpoint to resume from; delete the folder "
                f"to begin this phase again. Received: {self._folder}"
            )
        return 0

    def save(self) -> None:
        """Saves the state as it is now, and deletes all but the latest checkpoints.

        Raises:
            OSError: the disk is full or cannot be written; earlier checkpoints stay.
        """
        if not self._saves:
            return
        path = self._folder / f"ckpt-{int(self._step)}"
        self._checkpoint.save_counter.assign_add(1)  # `restore` expects it.
        try:
            self._checkpoint.write(str(path))
        except tf.errors.OpError as error:
            _remove(path)
            reason = error.message.strip().split("\n", 1)[0]
            raise OSError(f"Cannot save a checkpoint: {reason}") from error
        with replacing(self._clock) as unfinished:
            unfinished.write_text(f"{self.seconds:.1f}\n")
        for path in self._paths()[:-_KEPT]:
            _remove(path)

    def _paths(self) -> list[Path]:
        """The checkpoints without their suffixes, in the order of their steps."""
        names = (path.stem for path in self._folder.glob("ckpt-*.index"))
        steps = (name.removeprefix("ckpt-") for name in names)
        ordered = sorted(int(step) for step in steps if step.isdecimal())
        return [self._folder / f"ckpt-{step}" for step in ordered]


def _remove(path: Path) -> None:
    """Deletes what there is of a checkpoint, its index first: that makes it one."""
    path.with_name(f"{path.name}.index").unlink(missing_ok=True)
    for part in path.parent.glob(f"{path.name}.data-*"):
        part.unlink(missing_ok=True)
    shutil.rmtree(path.with_name(f"{path.name}_temp"), ignore_errors=True)
