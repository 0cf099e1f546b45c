"""The training loop: phases in order, each step-exact across kills."""

from __future__ import annotations

import contextlib
import math
import signal
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf
from tqdm import tqdm

from egnet_tf import models
from egnet_tf.data import Pairs
from egnet_tf.data.pipeline import readable_errors, training_batches
from egnet_tf.errors import InputError
from egnet_tf.inference import Restorer
from egnet_tf.losses import stage_losses
from egnet_tf.training.checkpoints import Checkpoints
from egnet_tf.training.phases import Phase
from egnet_tf.training.recipe import Recipe
from egnet_tf.training.run_folder import RunFolder
from egnet_tf.training.telemetry import Telemetry
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
        strategy: on which devices.
        pairs: to train on.
        held_out: to validate on.

    Returns:
        The trained networks of the last phase, ready to restore.

    Raises:
        InputError: a crop that the network does not take, a file that cannot be
            read, or a loss that is not finite.
        Interrupted: SIGTERM arrived.
    """
    keras.utils.set_random_seed(recipe.seed)
    tf.config.experimental.enable_op_determinism()
    keras.mixed_precision.set_global_policy(recipe.precision)
    first_step = 0
    with strategy.scope():
        phase = Phase.initial(recipe)
    with _sigterm() as stopped:
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
        self._telemetry = Telemetry(run.logs / phase.name)
        with strategy.scope():
            self._optimizer = keras.optimizers.Adam(
                keras.optimizers.schedules.CosineDecay(
                    0.0 if recipe.warmup_steps else recipe.learning_rate,
                    max(1, steps - recipe.warmup_steps),
                    alpha=recipe.final_learning_rate / recipe.learning_rate,
                    warmup_target=recipe.learning_rate if recipe.warmup_steps else None,
                    warmup_steps=recipe.warmup_steps,
                )
            )
            self._optimizer.build(phase.trained)
        self._checkpoints = Checkpoints(
            run.checkpoints(phase.name), phase, self._optimizer
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
        recipe, step = self._recipe, self._checkpoints.restore()
        if step == self._steps:
            return
        if step == 0:
            self._validate(validator, step, loss=math.nan)
        batches = self._strategy.experimental_distribute_dataset(
            training_batches(
                pairs,
                crop=recipe.crop,
                batch=recipe.batch,
                seed=recipe.seed,
                first_step=first_step + step,
                steps=self._steps - step,
                augment=recipe.augment(),
            )
        )
        # Without autograph an InputError of the loss arrives as it is.
        train_step = tf.function(self._train_step, autograph=False)
        bar = tqdm(total=self._steps, initial=step, desc=self._phase.name, unit="step")
        with bar, readable_errors():
            for batch in batches:
                values = {k: float(v) for k, v in train_step(batch).items()}
                if not math.isfinite(values["loss"]):
                    raise InputError(self._not_finite(batch, pairs, step))
                step = int(self._checkpoints.step.assign_add(1))
                speed = recipe.batch * (bar.format_dict["rate"] or 0.0)
                bar.set_postfix_str(
                    f"loss {values['loss']:.4f}, PSNR {values['psnr']:.2f} dB, "
                    f"{speed:.1f} images/s",
                    refresh=False,
                )
                bar.update()
                rate = float(self._optimizer.learning_rate)
                self._telemetry.scalars(
                    step, **values, learning_rate=rate, images_per_second=speed
                )
                last = step == self._steps
                if last or (
                    recipe.validate_every and step % recipe.validate_every == 0
                ):
                    self._validate(validator, step, values["loss"])
                if last or step % recipe.checkpoint_every == 0 or stopped():
                    self._checkpoints.save()
                if stopped() and not last:
                    raise Interrupted

    def _train_step(self, batch) -> dict[str, tf.Tensor]:
        """One step on all devices: the loss terms and the PSNR of the global batch."""
        replicas = self._strategy.run(self._replica_step, (batch,))
        return {
            name: self._strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in replicas.items()
        }

    def _replica_step(self, batch) -> dict[str, tf.Tensor]:
        """A device's share of a step; its values add up over the devices."""
        variables = self._phase.trained
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(_tensorflow_variables(variables))
            restored = self._phase.restore(batch["blurry"])
            values = stage_losses(restored, batch["sharp"], self._recipe.loss_terms())
            finest = tf.clip_by_value(models.finest(restored), 0.0, 1.0)
            values["psnr"] = tf.image.psnr(finest, batch["sharp"], max_val=1.0)
            # The sum over the devices is then the mean of the global batch.
            values = {
                name: tf.reduce_sum(value) / self._recipe.batch
                for name, value in values.items()
            }
        gradients = tape.gradient(values["loss"], variables)
        context = tf.distribute.get_replica_context()
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        if self._recipe.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self._recipe.clip_norm)
        # The optimizer sums over the devices once more.
        gradients = [g / context.num_replicas_in_sync for g in gradients]
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return values

    def _validate(self, validator: Validator, step: int, loss: float) -> None:
        phase, scores = self._phase, validator()
        self._run.add_metrics(
            phase=phase.name, step=step, loss=loss, **scores._asdict()
        )
        self._telemetry.scalars(
            step, validation_psnr=scores.psnr, validation_ssim=scores.ssim
        )
        models.save(
            self._run.weights,
            models.LoadedModel(
                phase.variant,
                phase.network,
                phase.ensemble,
                phase.branches,
                self._recipe.crop,
            ),
        )

    def _not_finite(self, batch, pairs: Pairs, step: int) -> str:
        shares = self._strategy.experimental_local_results(batch["index"])
        names = sorted({pairs.names[i] for share in shares for i in share.numpy()})
        return (
            f"Expected a finite loss; step {step + 1} of the {self._phase.name} phase "
            f"gave none (learning rate too high, or a bad picture?). "
            f"Received: a batch of {', '.join(names)}"
        )


def _tensorflow_variables(variables) -> list[tf.Variable]:
    # Keras 3 wraps TensorFlow's variables, Keras 2 does not.
    return [v if isinstance(v, tf.Variable) else v.value for v in variables]


@contextlib.contextmanager
def _sigterm() -> Iterator[Callable[[], bool]]:
    """Inside, SIGTERM only makes the yielded function return True."""
    received = []
    earlier = signal.signal(signal.SIGTERM, lambda *_: received.append(True))
    try:
        yield lambda: bool(received)
    finally:
        signal.signal(signal.SIGTERM, earlier)
