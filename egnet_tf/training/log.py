"""What a phase writes while it trains, besides its checkpoints.

A progress bar on stderr, TensorBoard's events, metrics.csv, and the weights of the
validations.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from egnet_tf import models
from egnet_tf.data.pairs import BLURRY
from egnet_tf.images.convert import to_float, to_uint8
from egnet_tf.metrics.hsic import dependence_on_images
from egnet_tf.training.interruption import Interrupted
from egnet_tf.training.non_finite import report_non_finite
from egnet_tf.training.phases import Phase
from egnet_tf.training.recipe import Recipe
from egnet_tf.training.run_folder import RunFolder
from egnet_tf.training.state import TrainState
from egnet_tf.training.tensorflow_files import errors_of_files, plain_path
from egnet_tf.training.validation import Validator
from egnet_tf.visualization import visible_gradient_map
from egnet_tf.visualization.sheet import column, labelled_row, resized

_POINTS = 10_000
"""So many steps of a phase have their values written, if it has that many."""

_POSITIONS = 500
"""Samples of HSIC: half of Table 5's, for an eighth of its time."""

Values = Mapping[str, float]


@dataclasses.dataclass
class WorkerLog:
    """The log of a worker other than the chief: it writes nothing.

    `names` are those of the training pairs, `steps` are those of the phase.
    """

    state: TrainState
    steps: int
    recipe: Recipe
    strategy: tf.distribute.Strategy
    names: Sequence[str]
    run: RunFolder
    validator: Validator

    def __enter__(self) -> None:
        """Begins the log."""

    def __exit__(self, *error: Any) -> None:
        """Ends the log."""

    def waiting_for_input(self) -> contextlib.AbstractContextManager[None]:
        """Returns the context to fetch a batch in; its time counts as waiting."""
        return contextlib.nullcontext()

    def train_step(self, step: int, values: Values, batch: Mapping[str, Any]) -> None:
        """Logs a step of the phase: what `loop.train_step` returned for the batch.

        Raises:
            InputError: the loss or its gradient is not finite.
        """
        if not values["finite"]:
            shares = self.strategy.experimental_local_results(batch["index"])
            skipped = self.recipe.skip_non_finite
            report_non_finite(self.state, self.names, shares, skipped=skipped)

    def validate(self, step: int, loss: float, seconds: float) -> None:
        """Scores the networks as they are now, saves them, and draws the samples.

        `loss` is that of the last training step; `seconds` the time the phase has
        taken.
        """


@dataclasses.dataclass
class PhaseLog(WorkerLog):
    """The log of the chief."""

    def __post_init__(self):
        phase, recipe = self.state.phase, self.recipe
        self._samples = Samples(phase, self.validator, recipe.crop, recipe.hsic)
        self._logs = self.run.logs / phase.name
        self._logs.mkdir(parents=True, exist_ok=True)
        self._open = contextlib.ExitStack()
        path = self._open.enter_context(plain_path(self._logs))
        with errors_of_files(self._logs):
            self._writer = tf.summary.create_file_writer(str(path), flush_millis=30_000)
        self._every = points_every(self.steps)
        self._stopwatch = Stopwatch(recipe.batch)
        self._bar = tqdm(
            desc=phase.name, initial=int(self.state.step), total=self.steps, unit="step"
        )
        self._parameters = phase.network.count_params()
        if phase.ensemble is not None:
            self._parameters += phase.ensemble.count_params()

    def __exit__(self, *error: Any) -> None:
        """Ends the progress bar and flushes TensorBoard's events."""
        self._bar.close()
        with self._open, errors_of_files(self._logs):
            if error[0] in (None, Interrupted):
                self._writer.close()

    def waiting_for_input(self) -> contextlib.AbstractContextManager[None]:
        """See `WorkerLog`."""
        return self._stopwatch.waiting()

    def train_step(self, step: int, values: Values, batch: Mapping[str, Any]) -> None:
        """See `WorkerLog`; shows progress and writes the values."""
        super().train_step(step, values, batch)
        self._stopwatch.count_step()
        self._show_progress(values["loss"], values["psnr"])
        if step % self._every:
            return
        self._write(
            step,
            {
                **loss_scalars(values, self.recipe.training_loss().weights),
                "training/psnr": values["psnr"],
                "training/gradient_norm": values["gradient_norm"],
                "training/learning_rate": self.state.learning_rate,
                **self._stopwatch.rates(),
            },
        )

    def validate(self, step: int, loss: float, seconds: float) -> None:
        """See `WorkerLog`."""
        with self.state.averages.in_use():
            scores = self.validator()
            self._save(step, scores.psnr)
            sheet, hsic = self._samples.look()
        self.run.add_metrics(
            phase=self.state.phase.name,
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
        with errors_of_files(self._logs), self._writer.as_default(step=step):
            tf.summary.image("samples", sheet[None])
        self._stopwatch.restart()

    def _show_progress(self, loss: float, psnr: float) -> None:
        speed = self.recipe.batch * (self._bar.format_dict["rate"] or 0.0)
        self._bar.set_postfix_str(
            f"loss {loss:.4f}, PSNR {psnr:.2f} dB, {speed:.1f} images/s", refresh=False
        )
        self._bar.update()

    def _save(self, step: int, psnr: float) -> None:
        name, run = self.state.phase.name, self.run
        model = self.state.phase.model(self.recipe.crop)
        models.save(run.weights, model)
        if run.is_best(psnr):
            models.save(run.best / run.weights.name, model)
            run.note_best(name, step, psnr)

    def _write(self, step: int, values: Values) -> None:
        with errors_of_files(self._logs), self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)


def loss_scalars(values: Values, weights: Mapping[str, float]) -> dict[str, float]:
    """The loss, its terms, and their shares of it, under TensorBoard's names.

    "loss/gradient" and "loss/gradient/stage1" are unweighted; the share of the same
    name, "loss_share/gradient", is the weighted term over the whole loss. The shares of
    all terms sum to 1, those of a term's stages to its own.
    """
    scalars = {"loss/total": values["loss"]}
    for name, value in values.items():
        weight = weights.get(name.partition("/")[0])
        if weight is not None:
            scalars[f"loss/{name}"] = value
            share = weight * value / values["loss"] if values["loss"] else math.nan
            scalars[f"loss_share/{name}"] = share
    return scalars


def points_every(steps: int) -> int:
    """Returns how many steps apart the training values of a phase are written."""
    return max(1, steps // _POINTS)


class Stopwatch:
    """Measures images per second and the share of time spent waiting for input."""

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

    They have the side `crop` in pixels, which the phase's networks take.
    """

    def __init__(self, phase: Phase, validator: Validator, crop: int, hsic: bool):
        self._restorer, self._hsic = validator.restorer, hsic
        pairs = validator.pairs
        self._crops = [
            pairs.crop(index, crop, np.random.default_rng(0))
            for index in sorted({0, len(pairs) // 2})
        ]
        self._images_of, self._network = pairs.images_of, None
        if pairs.inputs == BLURRY:
            network = phase.network
            features = models.last_features(network).output
            self._network = keras.Model(network.input, [network.output, features])

    def look(self) -> tuple[np.ndarray, float | None]:
        """Restores the crops.

        Returns:
            A sheet, uint8 (H, W, 3), with a row a crop: blurry, the network's stages
            (or the results of the methods), restored, its gradient map (Eq. 15),
            sharp; and the ratio of nHSIC with
            the sharp image to that with the blurry one, in the mean over the crops
            (`metrics.hsic`, 500 positions), or None.
        """
        rows, ratios = [], []
        for blurry, sharp in self._crops:
            images = self._images_of(blurry)
            if self._network is not None:
                outputs = self._network(to_float(blurry)[None], training=False)
                stages, features = outputs
                for name in sorted(stages):
                    stage = to_uint8(stages[name][0].numpy())
                    images[name] = resized(stage, blurry.shape[:2])
                if self._hsic:
                    ratios.append(_hsic_ratio(features[0], blurry, sharp))
            restored = self._restorer(blurry)
            images["restored"] = restored
            images["gradient map"] = visible_gradient_map(restored)
            rows.append(labelled_row({**images, "sharp": sharp}))
        return column(rows), statistics.fmean(ratios) if ratios else None


def _hsic_ratio(features: tf.Tensor, blurry: np.ndarray, sharp: np.ndarray) -> float:
    values = np.asarray(features, np.float32)
    positions = min(_POSITIONS, values.shape[0] * values.shape[1])
    rng = np.random.default_rng(0)
    return dependence_on_images(values, blurry, sharp, rng, positions).ratio
