"""The latest checkpoints of a phase, and resuming from the last whole one."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import shutil
import time
from pathlib import Path

import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.files import replacing, temporary_folder
from egnet_tf.training.run_folder import checkpoint_steps
from egnet_tf.training.state import TrainState
from egnet_tf.training.tensorflow_files import errors_of_files, plain_path

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
        steps = checkpoint_steps(self._folder)
        for step in reversed(steps):
            path = self._folder / f"ckpt-{step}"
            try:
                with plain_path(self._folder) as folder:
                    status = self._checkpoint.restore(str(folder / path.name))
                    status.assert_consumed()
                if int(self._step) != step:
                    raise ValueError(f"it is of step {int(self._step)}")
            except _DAMAGED as error:
                reason = str(error).strip().split("\n", 1)[0]
                _LOG.warning("Skipped damaged checkpoint %s (%s)", path, reason)
                continue
            with contextlib.suppress(OSError, ValueError):
                spent = float(self._clock.read_text())
                self._spent = spent if math.isfinite(spent) else 0.0
            if self._saves:
                self._remove_all_but_latest()
            return step
        if steps:
            raise InputError(
                "Expected an undamaged checkpoint to resume from; delete the folder "
                f"to begin this phase again. Received: {self._folder}"
            )
        if any(self._folder.glob("ckpt-*.data-*")):
            _LOG.warning(
                "Began the phase anew: no checkpoint in %s has its index", self._folder
            )
        return 0

    def save(self) -> None:
        """Saves the state as it is now, and deletes all but the latest checkpoints.

        Raises:
            OSError: the disk is full or cannot be written; earlier checkpoints stay.
        """
        if not self._saves:
            return
        name = f"ckpt-{int(self._step)}"
        self._checkpoint.save_counter.assign_add(1)  # `restore` expects it.
        # Elsewhere, and moved: a checkpoint of that step stays until this one is whole.
        with temporary_folder(self._folder) as beside:
            with errors_of_files(self._folder / name), plain_path(beside) as folder:
                self._checkpoint.write(str(folder / name))
            self._move_here(beside)
        with replacing(self._clock) as unfinished:
            unfinished.write_text(f"{self.seconds:.1f}\n")
        self._remove_all_but_latest()

    def _move_here(self, beside: Path) -> None:
        """Moves a checkpoint, its index last: that makes it one."""
        files = sorted(beside.iterdir(), key=_is_index)
        for file in files:
            with file.open("rb+") as content:
                os.fsync(content.fileno())
        (self._folder / files[-1].name).unlink(missing_ok=True)
        for file in files:
            os.replace(file, self._folder / file.name)

    def _remove_all_but_latest(self) -> None:
        """Deletes older checkpoints, and what was left of any by a killed process."""
        kept = {f"ckpt-{step}" for step in checkpoint_steps(self._folder)[-_KEPT:]}
        found = {path: _PART.fullmatch(path.name) for path in self._folder.iterdir()}
        parts = [path for path, part in found.items() if part and part[1] not in kept]
        for path in sorted(parts, key=_is_index, reverse=True):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


_PART = re.compile(r"(ckpt-\d+)(\.index|\.data-\d+-of-\d+|_temp)")


def _is_index(path: Path) -> bool:
    return path.suffix == ".index"
