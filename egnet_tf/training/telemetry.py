"""What TensorBoard shows of a phase."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf


class Telemetry:
    """Writes scalars for TensorBoard; flushed every 30 seconds.

    Args:
        folder: of the event files.
    """

    def __init__(self, folder: Path):
        self._writer = tf.summary.create_file_writer(str(folder), flush_millis=30_000)

    def scalars(self, step: int, **values: float) -> None:
        """Writes values of one step, each under its name."""
        with self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
