"""What a training step changes and checkpoints keep."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from egnet_tf.training.averages import WeightAverages
from egnet_tf.training.optimizers import (
    Optimizer,
    Schedule,
    cosine_schedule,
    make_optimizer,
)
from egnet_tf.training.phases import Phase, tensorflow_variables
from egnet_tf.training.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class TrainState:
    """The state of a phase; the optimizer is built for `phase.trained`.

    `schedule` gives the learning rate by update, `averages` are those of
    `phase.trained`, `step` counts the training steps done.
    """

    phase: Phase
    optimizer: Optimizer
    schedule: Schedule
    averages: WeightAverages
    step: tf.Variable

    @classmethod
    def begin(
        cls, phase: Phase, steps: int, recipe: Recipe, strategy: tf.distribute.Strategy
    ) -> TrainState:
        """Returns the state before the first of the phase's steps.

        Raises:
            InputError: see `make_optimizer`.
        """
        schedule = cosine_schedule(
            steps,
            recipe.learning_rate,
            recipe.final_learning_rate,
            recipe.warmup_steps,
        )
        with strategy.scope():
            optimizer = make_optimizer(
                recipe.optimizer,
                schedule,
                phase.trained,
                steps=steps,
                weight_decay=recipe.weight_decay,
                epsilon=recipe.adam_epsilon,
                beta_2=recipe.adam_beta_2,
            )
            averages = WeightAverages(
                tensorflow_variables(phase.trained), recipe.ema_decay, strategy
            )
        # Outside the scope: one of the process, not of each device.
        step = tf.Variable(tf.zeros((), tf.int64), trainable=False, name="step")
        return cls(phase, optimizer, schedule, averages, step)

    @property
    def updates(self) -> int:
        """How often the weights have been updated: the steps that were not skipped."""
        return int(self.optimizer.iterations.numpy())

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""
        return float(self.schedule(self.updates))
