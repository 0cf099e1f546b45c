"""The training loop: phases in order, each step-exact across kills."""

from __future__ import annotations

import contextlib
import math
import signal
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf
from absl import logging
from tqdm import tqdm

from egnet_tf.data import Pairs
from egnet_tf.data.pipeline import readable_errors, training_batches
from egnet_tf.errors import InputError
from egnet_tf.inference import Restorer
from egnet_tf.training.averages import WeightAverages
from egnet_tf.training.checkpoints import Checkpoints
from egnet_tf.training.log import PhaseRecord
from egnet_tf.training.optimizers import (
    adopt_final_weights,
    cosine_schedule,
    make_optimizer,
)
from egnet_tf.training.phases import Phase
from egnet_tf.training.recipe import Recipe
from egnet_tf.training.run_folder import RunFolder
from egnet_tf.training.strategy import (
    all_workers_agree,
    lost_workers_named,
    num_workers,
    worker_index,
)
from egnet_tf.training.telemetry import Pace
from egnet_tf.training.train_step import TrainStep, tensorflow_variables
from egnet_tf.training.validation import Validator


class Interrupted(Exception):  # noqa: N818 (nothing went wrong)
    """SIGTERM arrived; everything is saved, and the same command goes on."""


def train(
    recipe: Recipe,
    run: RunFolder,
    strategy: tf.distribute.Strategy,
    pairs: Pairs,
    held_out: Pairs,
) -> Restorer:
    """Trains the phases of a recipe, going on from the run's latest checkpoint.

    Args:
        recipe: what to train.
        run: the folder for everything that is written.
        strategy: on which devices; of several workers only the chief writes.
        pairs: to train on.
        held_out: to validate on.

    Returns:
        The trained networks of the last phase, ready to restore.

    Raises:
        InputError: a crop or a batch that cannot be trained with, a file that cannot
            be read, a loss that is not finite, or another worker that is gone.
        Interrupted: SIGTERM arrived.
        OSError: the disk is full or cannot be written.
    """
    keras.utils.set_random_seed(recipe.seed)
    tf.config.experimental.enable_op_determinism()
    keras.mixed_precision.set_global_policy(recipe.precision)
    first_step = 0
    with _sigterm() as stopped, lost_workers_named(strategy):
        with strategy.scope():
            phase = Phase.initial(recipe)
        for name, steps in recipe.phase_steps().items():
            with strategy.scope():
                phase = Phase.begin(name, recipe, phase)
            if recipe.crop % phase.size_multiple:
                raise InputError(
                    f"Expected --crop to be a multiple of {phase.size_multiple} in the "
                    f"{name} phase of {recipe.variant}. Received: {recipe.crop}"
                )
            validator = Validator(phase, held_out, recipe.validation_pairs)
            trainer = PhaseTrainer(phase, steps, recipe, run, strategy)
            trainer.fit(pairs, validator, first_step, stopped)
            first_step += steps
    return validator.restorer


class PhaseTrainer:
    """Trains one phase.

    Args:
        phase: what to train.
        steps: how long.
        recipe: how.
        run: where to.
        strategy: on which devices.

    Raises:
        InputError: the batch cannot be shared by the devices, or the optimizer is not
            installed.
    """

    def __init__(
        self,
        phase: Phase,
        steps: int,
        recipe: Recipe,
        run: RunFolder,
        strategy: tf.distribute.Strategy,
    ):
        self._phase, self._steps, self._recipe = phase, steps, recipe
        self._run, self._strategy = run, strategy
        self._schedule = cosine_schedule(recipe, steps)
        self._averages = None
        with strategy.scope():
            self._optimizer = make_optimizer(
                recipe, self._schedule, steps, phase.trained
            )
            if recipe.ema_decay:
                self._averages = WeightAverages(
                    tensorflow_variables(phase.trained), recipe.ema_decay, strategy
                )
        self._train_step = TrainStep(
            phase, recipe, self._optimizer, self._averages, strategy
        )
        self._checkpoints = Checkpoints(
            run.checkpoints(phase.name), phase, self._optimizer, self._averages
        )

    def fit(
        self,
        pairs: Pairs,
        validator: Validator,
        first_step: int,
        stopped: Callable[[], bool],
    ) -> None:
        """Trains from the latest checkpoint to the last step.

        Args:
            pairs: to train on.
            validator: scores the networks.
            first_step: steps of the phases before: this phase goes on in the
                sequence of training samples where they ended.
            stopped: says whether to save and stop.
        """
        step = self._checkpoints.restore()
        if not all_workers_agree(self._strategy, step):
            raise InputError(
                "Expected all workers to go on from one checkpoint: is --run on a disk "
                f"that all of them share? Received: step {step} in {self._run.path}"
            )
        if step < self._steps:
            record = None
            if worker_index(self._strategy) == 0:
                record = PhaseRecord(
                    self._phase, self._steps, self._recipe, self._run, validator
                )
            batches = self._batches(pairs, first_step + step, self._steps - step)
            self._train(batches, pairs, record, step, stopped)
        if self._averages:
            self._averages.adopt()

    def _train(
        self,
        batches: Iterator[dict],
        pairs: Pairs,
        record: PhaseRecord | None,
        step: int,
        stopped: Callable[[], bool],
    ) -> None:
        """The loop. `record` is None in a worker that is not the chief."""
        recipe = self._recipe
        if step == 0 and record:
            self._validate(record, step, loss=math.nan)
        pace = Pace(batches, recipe.batch)
        bar = tqdm(
            total=self._steps,
            initial=step,
            desc=self._phase.name,
            unit="step",
            disable=not record,
        )
        with bar, readable_errors():
            for batch in pace:
                values = self._train_step(batch, stop=stopped())
                if not values["finite"]:
                    self._report_non_finite(batch, pairs, step + 1)
                step = int(self._checkpoints.step.assign_add(1))
                last, stop = step == self._steps, values["stop"] > 0
                speed = recipe.batch * (bar.format_dict["rate"] or 0.0)
                bar.set_postfix_str(
                    f"loss {values['loss']:.4f}, PSNR {values['psnr']:.2f} dB, "
                    f"{speed:.1f} images/s",
                    refresh=False,
                )
                bar.update()
                if last:
                    adopt_final_weights(self._optimizer, self._phase.trained)
                if record:
                    rate = float(self._schedule(self._updates()))
                    record.trained(step, values, rate, pace)
                    if last or _due(step, recipe.validate_every):
                        self._validate(record, step, values["loss"])
                        pace.restart()
                    if last or stop or _due(step, recipe.checkpoint_every):
                        self._checkpoints.save()
                if stop and not last:
                    raise Interrupted
        if record:
            record.close()

    def _batches(self, pairs: Pairs, first_step: int, steps: int) -> Iterator[dict]:
        """The training batches, each device's share of one after the other."""
        recipe, strategy = self._recipe, self._strategy
        shares = training_batches(
            pairs,
            crop=recipe.crop,
            batch=recipe.batch,
            seed=recipe.seed,
            first_step=first_step,
            steps=steps,
            augment=recipe.augment(),
            worker=worker_index(strategy),
            workers=num_workers(strategy),
        ).rebatch(recipe.batch // strategy.num_replicas_in_sync, drop_remainder=True)
        # Not a dataset of the strategy: among several workers, those ask each other
        # before every batch whether all have one.
        share = iter(shares)
        for _ in range(steps):
            yield strategy.experimental_distribute_values_from_function(
                lambda _: next(share)
            )

    def _validate(self, record: PhaseRecord, step: int, loss: float) -> None:
        weights = contextlib.nullcontext()
        if self._averages:
            weights = self._averages.in_use()
        with weights:
            record.validate(step, loss, self._checkpoints.seconds)

    def _updates(self) -> int:
        return int(self._optimizer.iterations.numpy())

    def _report_non_finite(self, batch, pairs: Pairs, step: int) -> None:
        shares = self._strategy.experimental_local_results(batch["index"])
        names = sorted({pairs.names[i] for share in shares for i in share.numpy()})
        where = f"step {step} of the {self._phase.name} phase"
        if self._recipe.skip_non_finite:
            skipped = step - self._updates()
            logging.warning(
                "Skipped %s, %d in all: its loss or gradient is not finite. Batch: %s",
                *(where, skipped, ", ".join(names)),
            )
            return
        raise InputError(
            f"Expected a finite loss and gradient; {where} gave none (learning rate "
            "too high, or a bad image?). "
            f"Received: a batch of {', '.join(names)}"
        )


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


@contextlib.contextmanager
def _sigterm() -> Iterator[Callable[[], bool]]:
    """Inside, SIGTERM only makes the yielded function return True."""
    received = []
    earlier = signal.signal(signal.SIGTERM, lambda *_: received.append(True))
    try:
        yield lambda: bool(received)
    finally:
        signal.signal(signal.SIGTERM, earlier)
