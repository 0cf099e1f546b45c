"""What a phase writes while it trains, besides its checkpoints.

A progress bar on stderr, TensorBoard's events, metrics.csv, and the weights of the
validations.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from egnet_tf import models
from egnet_tf.images.convert import to_float, to_uint8
from egnet_tf.metrics.hsic import dependence_on_images
from egnet_tf.training.interruption import Interrupted
from egnet_tf.training.non_finite import NonFiniteReport
from egnet_tf.training.phases import Phase
from egnet_tf.training.progress import Progress
from egnet_tf.training.run_folder import RunFolder
from egnet_tf.training.state import TrainState
from egnet_tf.training.validation import Validator
from egnet_tf.visualization import visible_gradient_map
from egnet_tf.visualization.sheet import column, labelled_row, resized

_POINTS = 10_000
"""So many steps of a phase have their values written, if it has that many."""

_POSITIONS = 500
"""Samples of HSIC: half of Table 5's, for an eighth of its time."""

Values = Mapping[str, float]


class WorkerLog:
    """The log of a worker other than the chief: it writes nothing.

    Args:
        state: the state of the phase.
        non_finite: reports a loss or gradient that is not finite.
    """

    def __init__(self, state: TrainState, non_finite: NonFiniteReport):
        self._state, self._non_finite = state, non_finite

    def __enter__(self) -> None:
        """Begins the log."""

    def __exit__(self, *error: Any) -> None:
        """Ends the log."""

    def waiting_for_input(self) -> contextlib.AbstractContextManager[None]:
        """Returns the context to fetch a batch in; its time counts as waiting."""
        return contextlib.nullcontext()

    def train_step(self, step: int, values: Values, batch: Mapping[str, Any]) -> None:
        """Logs a training step.

        Args:
            step: the number of the step in the phase.
            values: see `loop.train_step`.
            batch: the batch of the step, to name its images.

        Raises:
            InputError: the loss or its gradient is not finite.
        """
        if not values["finite"]:
            self._non_finite(self._state, batch)

    def validate(self, step: int, loss: float, seconds: float) -> None:
        """Scores the networks as they are now, saves them, and draws the samples.

        Args:
            step: the number of the step in the phase.
            loss: the loss of the last training step.
            seconds: the time that the phase has taken so far.
        """


class PhaseLog(WorkerLog):
    """The log of the chief.

    Args:
        state: the state of the phase.
        non_finite: reports a loss or gradient that is not finite.
        run: where to write.
        validator: scores the networks.
        steps: how many steps the phase has.
        batch_size: the global batch size.
        crop: side of the training crops in pixels, and of the sample images.
        hsic: whether to measure HSIC on these.
    """

    def __init__(
        self,
        state: TrainState,
        non_finite: NonFiniteReport,
        run: RunFolder,
        validator: Validator,
        steps: int,
        *,
        batch_size: int,
        crop: int,
        hsic: bool,
    ):
        super().__init__(state, non_finite)
        phase = state.phase
        self._run, self._validator, self._crop = run, validator, crop
        self._samples = Samples(phase, validator, crop, hsic)
        self._writer = tf.summary.create_file_writer(
            str(run.logs / phase.name), flush_millis=30_000
        )
        self._every = points_every(steps)
        self._stopwatch = Stopwatch(batch_size)
        self._progress = Progress(phase.name, int(state.step), steps, batch_size)
        self._parameters = phase.network.count_params()
        if phase.ensemble is not None:
            self._parameters += phase.ensemble.count_params()

    def __exit__(self, *error: Any) -> None:
        """Ends the progress bar and flushes TensorBoard's events."""
        self._progress.close()
        if error[0] in (None, Interrupted):
            self._writer.close()

    def waiting_for_input(self) -> contextlib.AbstractContextManager[None]:
        """See `WorkerLog`."""
        return self._stopwatch.waiting()

    def train_step(self, step: int, values: Values, batch: Mapping[str, Any]) -> None:
        """See `WorkerLog`; shows progress and writes the values."""
        super().train_step(step, values, batch)
        self._stopwatch.count_step()
        self._progress.update(values["loss"], values["psnr"])
        if step % self._every:
            return
        others = ("loss", "psnr", "gradient_norm", "finite", "stop")
        terms = {f"loss/{k}": v for k, v in values.items() if k not in others}
        self._write(
            step,
            {
                **terms,
                "loss/total": values["loss"],
                "training/psnr": values["psnr"],
                "training/gradient_norm": values["gradient_norm"],
                "training/learning_rate": self._state.learning_rate,
                **self._stopwatch.rates(),
            },
        )

    def validate(self, step: int, loss: float, seconds: float) -> None:
        """See `WorkerLog`."""
        with self._state.averages.in_use():
            scores = self._validator()
            self._save(step, scores.psnr)
            sheet, hsic = self._samples.look()
        self._run.add_metrics(
            phase=self._state.phase.name,
            step=step,
            loss=loss,
            parameters=self._parameters,
            seconds=round(seconds),
            **scores._asdict(),
        )
        values = {"validation/psnr": scores.psnr, "validation/ssim": scores.ssim}
        if hsic is not None:
            values["validation/hsic"] = hsic
        self._write(step, values)
        with self._writer.as_default(step=step):
            tf.summary.image("samples", sheet[None])
        self._stopwatch.restart()

    def _save(self, step: int, psnr: float) -> None:
        phase, run = self._state.phase, self._run
        model = models.LoadedModel(
            phase.variant, phase.network, phase.ensemble, phase.branches, self._crop
        )
        models.save(run.weights, model)
        if run.is_best(phase.name, step, psnr):
            models.save(run.best / run.weights.name, model)

    def _write(self, step: int, values: Values) -> None:
        with self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)


def points_every(steps: int) -> int:
    """Returns how many steps apart the training values of a phase are written."""
    return max(1, steps // _POINTS)


class Stopwatch:
    """Measures images per second and the share of time spent waiting for input.

    Args:
        batch_size: images a step.
    """

    def __init__(self, batch_size: int):
        self._batch_size = batch_size
        self.restart()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time inside as waiting."""
        began = time.perf_counter()
        yield
        self._waited += time.perf_counter() - began

    def count_step(self) -> None:
        """Counts a step."""
        self._steps += 1

    def rates(self) -> dict[str, float]:
        """Returns the rates since the last call, under TensorBoard's names."""
        elapsed = max(time.perf_counter() - self._began, 1e-9)
        values = {
            "input/images_per_second": self._steps * self._batch_size / elapsed,
            "input/waiting_share": self._waited / elapsed,
        }
        self.restart()
        return values

    def restart(self) -> None:
        """Measures from now on: what went before, e.g. a validation, is left out."""
        self._began, self._waited, self._steps = time.perf_counter(), 0.0, 0


class Samples:
    """Crops of the first held-out pair and of one from the middle, shown as images.

    Args:
        phase: whose networks are shown, as they are at the time of a call.
        validator: of these networks: its pairs and its restorer.
        crop: side in pixels; the networks take it.
        hsic: whether to measure that, too.
    """

    def __init__(self, phase: Phase, validator: Validator, crop: int, hsic: bool):
        self._restorer, self._hsic = validator.restorer, hsic
        pairs = validator.pairs
        self._crops = [
            pairs.crop(index, crop, np.random.default_rng(0))
            for index in sorted({0, len(pairs) // 2})
        ]
        network = phase.network
        features = models.last_features(network).output
        self._network = keras.Model(network.input, [network.output, features])

    def look(self) -> tuple[np.ndarray, float | None]:
        """Restores the crops.

        Returns:
            A sheet, uint8 (H, W, 3), with a row a crop: blurry, the network's stages,
            restored, its gradient map (Eq. 15), sharp; and the ratio of nHSIC with
            the sharp image to that with the blurry one, in the mean over the crops
            (`metrics.hsic`, 500 positions), or None.
        """
        rows, ratios = [], []
        for blurry, sharp in self._crops:
            stages, features = self._network(to_float(blurry)[None], training=False)
            restored = self._restorer(blurry)
            images = {"blurry": blurry}
            for name in sorted(stages):
                stage = to_uint8(stages[name][0].numpy())
                images[name] = resized(stage, blurry.shape[:2])
            images["restored"] = restored
            images["gradient map"] = visible_gradient_map(restored)
            rows.append(labelled_row({**images, "sharp": sharp}))
            if self._hsic:
                ratios.append(_hsic_ratio(features[0], blurry, sharp))
        return column(rows), statistics.fmean(ratios) if ratios else None


def _hsic_ratio(features: tf.Tensor, blurry: np.ndarray, sharp: np.ndarray) -> float:
    values = np.asarray(features, np.float32)
    positions = min(_POSITIONS, values.shape[0] * values.shape[1])
    rng = np.random.default_rng(0)
    return dependence_on_images(values, blurry, sharp, rng, positions).ratio
