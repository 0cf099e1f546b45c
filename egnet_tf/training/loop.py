"""Training as in section 4.2 of the paper: from the loss of a batch to all phases."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from egnet_tf import models
from egnet_tf.data import Pairs
from egnet_tf.data.pipeline import readable_errors
from egnet_tf.inference import Restorer
from egnet_tf.inference.branches import result_branches
from egnet_tf.loss_weights import Loss
from egnet_tf.losses import stage_losses
from egnet_tf.models import finest
from egnet_tf.training.accumulation import Gradients, accumulated
from egnet_tf.training.checkpoints import Checkpoints
from egnet_tf.training.input import distributed_batches
from egnet_tf.training.interruption import Interrupted, stop_signals
from egnet_tf.training.log import PhaseLog, WorkerLog
from egnet_tf.training.optimizers import adopt_final_weights
from egnet_tf.training.phases import Phase, tensorflow_variables
from egnet_tf.training.process_settings import process_settings
from egnet_tf.training.recipe import PHASES, Recipe
from egnet_tf.training.run_folder import RunFolder
from egnet_tf.training.state import TrainState
from egnet_tf.training.strategy import (
    check_same_checkpoint,
    lost_worker_errors,
    worker_index,
)
from egnet_tf.training.validation import Validator

_SUM = tf.distribute.ReduceOp.SUM


def loss_and_gradients(
    phase: Phase,
    loss: Loss,
    batch_size: int,
    blurry: tf.Tensor,
    sharp: tf.Tensor,
) -> Gradients:
    """Eq. 17 for some images of a batch, and its gradient.

    Both are shares: summed over all devices and micro-batches they are the means over
    the global batch of `batch_size`, however that is divided.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(tensorflow_variables(phase.trained))
        stages = phase.restore(blurry)
        values = stage_losses(stages, sharp, loss)
        restored = tf.clip_by_value(finest(stages), 0.0, 1.0)
        values["psnr"] = tf.image.psnr(restored, sharp, max_val=1.0)
        values = {k: tf.reduce_sum(v) / batch_size for k, v in values.items()}
    return values, tape.gradient(values["loss"], phase.trained)


def train_step(
    state: TrainState,
    recipe: Recipe,
    strategy: tf.distribute.Strategy,
    batch: Mapping[str, Any],
    stop: tf.Tensor,
) -> dict[str, tf.Tensor]:
    """Updates the weights by the clipped gradient of a global batch.

    `batch` holds `blurry` and `sharp`, each device's share (B, H, W, 3) in [0, 1];
    `stop` is above 0 if this process wants to stop.

    Returns:
        Means over the global batch: what `stage_losses` returns: the "loss" and its
        unweighted terms, in all and by stage; "psnr" of the finest stage in dB; the
        "gradient_norm" before clipping; "finite", 1 or 0: whether loss and gradient
        are; "stop", above 0 if any process wants to.
    """
    phase, optimizer, loss = state.phase, state.optimizer, recipe.training_loss()

    def gradients_of(blurry, sharp):
        return loss_and_gradients(phase, loss, recipe.batch, blurry, sharp)

    if recipe.jit_compile:
        gradients_of = tf.function(gradients_of, autograph=False, jit_compile=True)

    def reduced_gradients(batch, stop):
        by_stage = (f"{k}/{s}" for k in loss.weights for s in phase.stages)
        names = ("loss", "psnr", *loss.weights, *by_stage)
        values, gradients = accumulated(
            gradients_of, batch, recipe.accumulate, names, phase.trained
        )
        gradients = tf.distribute.get_replica_context().all_reduce(_SUM, gradients)
        norm = tf.linalg.global_norm(gradients)
        if recipe.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, recipe.clip_norm, norm)
        # Each device's own tensor, or it could not be summed.
        return {**values, "stop": tf.identity(stop)}, gradients, norm

    def apply(gradients):
        # The optimizer sums over the devices once more.
        shares = [g / strategy.num_replicas_in_sync for g in gradients]
        optimizer.apply_gradients(zip(shares, phase.trained, strict=True))

    def update():
        strategy.run(apply, (gradients,))
        state.averages.update(optimizer.iterations)
        return tf.constant(True)

    values, gradients, norm = strategy.run(reduced_gradients, (batch, stop))
    values = {k: strategy.reduce(_SUM, v, axis=None) for k, v in values.items()}
    norm = strategy.experimental_local_results(norm)[0]  # The same on all devices.
    finite = tf.math.is_finite(values["loss"]) & tf.math.is_finite(norm)
    if recipe.skip_non_finite:
        tf.cond(finite, update, lambda: tf.constant(False))
    else:
        update()
    return {**values, "gradient_norm": norm, "finite": tf.cast(finite, tf.float32)}


def train_phase(
    state: TrainState,
    steps: int,
    recipe: Recipe,
    strategy: tf.distribute.Strategy,
    batches: Iterator[Mapping[str, Any]],
    log: WorkerLog,
    checkpoints: Checkpoints,
    stopped: Callable[[], bool],
) -> None:
    """Trains a phase from where its state is to its last step.

    `batches` has one batch for each step still to do; `stopped` says whether to save
    and stop. The log and the checkpoints do what is this process's part.

    Raises:
        Interrupted: this or another process wanted to stop; all is saved.
    """
    # Without autograph an InputError of the loss arrives as it is.
    compiled_step = tf.function(
        lambda batch, stop: train_step(state, recipe, strategy, batch, stop),
        autograph=False,
    )
    done, every = int(state.step), recipe.validate_every
    if done == 0:
        log.validate(0, math.nan, checkpoints.seconds)
    for step in range(done + 1, steps + 1):
        with log.waiting_for_input():
            batch = next(batches)
        values = compiled_step(batch, tf.constant(float(stopped())))
        values = {name: float(value) for name, value in values.items()}
        state.step.assign(step)
        last, stop = step == steps, values["stop"] > 0
        if last:
            adopt_final_weights(state.optimizer, state.phase.trained)
        log.train_step(step, values, batch)
        if last or (every > 0 and step % every == 0):
            log.validate(step, values["loss"], checkpoints.seconds)
        if last or stop or step % recipe.checkpoint_every == 0:
            checkpoints.save()
        if stop and not last:
            raise Interrupted


def train(
    recipe: Recipe,
    run: RunFolder,
    strategy: tf.distribute.Strategy,
    pairs: Pairs,
    held_out: Pairs,
) -> Restorer:
    """Trains the phases of a recipe, resuming from the run's latest checkpoint.

    Validates on the held-out pairs. Of several workers only the chief writes.

    A phase before the latest one that has checkpoints is not trained again, whatever
    became of its own. A self-ensemble whose last validation is below that of its start,
    the mean of the branches, becomes its start again: it is trained on the images that
    the network was trained on, where the network's branches are better than on others.

    Returns:
        The trained networks of the last phase, ready to restore.

    Raises:
        InputError: a crop or a batch that cannot be trained with, a file that cannot
            be read, a loss that is not finite, or another worker that is gone.
        Interrupted: SIGTERM or Ctrl-C; everything is saved.
        OSError: the disk is full or cannot be written.
    """
    first_step = 0
    chief = worker_index(strategy) == 0
    with (
        process_settings(recipe.seed, recipe.precision),
        stop_signals() as stopped,
        lost_worker_errors(strategy),
        readable_errors(),
    ):
        with strategy.scope():
            phase = Phase.initial(recipe.init_weights, recompute=recipe.recompute)
        fused = recipe.branches
        if recipe.fuses_results:
            fused = result_branches(pairs.inputs)
        latest = max(map(PHASES.index, run.steps_done()), default=0)
        for name, steps in recipe.phase_steps().items():
            with strategy.scope():
                phase = Phase.begin(
                    name,
                    recipe.network_variant(),
                    phase,
                    branches=fused,
                    recompute=recipe.recompute,
                    pytorch_spread=recipe.initial_spread == "pytorch",
                )
            phase.check_crop(recipe.crop)
            if PHASES.index(name) < latest:
                # The checkpoints of a later phase hold all weights.
                first_step += steps
                continue
            validator = Validator(phase, held_out, recipe.validation_pairs)
            state = TrainState.begin(phase, steps, recipe, strategy)
            checkpoints = Checkpoints(run.checkpoints(name), state, saves=chief)
            done = checkpoints.restore()
            check_same_checkpoint(strategy, done, run.path)
            if done < steps:
                first, left = first_step + done, steps - done
                batches = distributed_batches(pairs, recipe, strategy, first, left)
                log = (PhaseLog if chief else WorkerLog)(
                    *(state, steps, recipe, strategy, pairs.names, run, validator)
                )
                with log:
                    train_phase(
                        *(state, steps, recipe, strategy),
                        *(batches, log, checkpoints, stopped),
                    )
            state.averages.adopt()
            first_step += steps
        lost = bool(phase and phase.ensemble) and run.better_start() is not None
        if phase and lost:
            phase.average_branches()
        if chief and phase and (lost or not run.has_weights()):
            models.save(run.weights, phase.model(recipe.crop))
    return validator.restorer
