"""What TensorBoard shows of a phase, and how fast it goes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

_POINTS = 10_000
"""Training values of so many steps are written in a phase, or of all its steps."""


class Telemetry:
    """Writes for TensorBoard; flushed every 30 seconds.

    Args:
        folder: of the event files.
        steps: of the phase.
    """

    def __init__(self, folder: Path, steps: int):
        self._writer = tf.summary.create_file_writer(str(folder), flush_millis=30_000)
        self._every = max(1, steps // _POINTS)

    def due(self, step: int) -> bool:
        """Whether the training values of this step are to be written."""
        return step % self._every == 0

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes values of one step, each under its name."""
        with self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """Writes an image, uint8 (H, W, 3)."""
        with self._writer.as_default(step=step):
            tf.summary.image(name, image[None])

    def close(self) -> None:
        """Writes what still waits."""
        self._writer.close()


class Pace:
    """Steps by the clock: how many images a second, and what share waits for input.

    Iterating over it gives the batches.

    Args:
        batches: of the input pipeline.
        batch: images in each.
    """

    def __init__(self, batches: Iterable, batch: int):
        self._batches, self._batch = batches, batch
        self.restart()

    def __iter__(self) -> Iterator:
        """The batches; the time to fetch each is counted as waiting."""
        source = iter(self._batches)
        while True:
            asked = time.perf_counter()
            try:
                batch = next(source)
            except StopIteration:
                return
            self._waited += time.perf_counter() - asked
            self._steps += 1
            yield batch

    def scalars(self) -> dict[str, float]:
        """Of the steps since the last call: images a second, share of waiting."""
        elapsed = max(time.perf_counter() - self._began, 1e-9)
        values = {
            "input/images_per_second": self._steps * self._batch / elapsed,
            "input/waiting_share": self._waited / elapsed,
        }
        self.restart()
        return values

    def restart(self) -> None:
        """Counts from now on: what went before, a validation say, is left out."""
        self._began, self._waited, self._steps = time.perf_counter(), 0.0, 0
