"""One step of optimisation: the gradient of the global batch, and the update by it."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from egnet_tf import models
from egnet_tf.errors import InputError
from egnet_tf.losses import stage_losses
from egnet_tf.training.averages import WeightAverages
from egnet_tf.training.phases import Phase
from egnet_tf.training.recipe import Recipe

_SUM = tf.distribute.ReduceOp.SUM


class TrainStep:
    """A step on all devices: called with a batch, updates the phase's weights.

    Each device goes through its share of the batch in `recipe.accumulate`
    micro-batches. All losses are sums divided by the global batch, so neither the
    number of devices nor that of micro-batches changes the gradient. It is summed over
    the devices first and clipped after.

    Args:
        phase: whose loss and variables.
        recipe: batch, loss, clipping.
        optimizer: built for `phase.trained`.
        averages: that follow the weights, or None.
        strategy: of the run.

    Raises:
        InputError: the batch cannot be shared equally.
    """

    def __init__(
        self,
        phase: Phase,
        recipe: Recipe,
        optimizer,
        averages: WeightAverages | None,
        strategy: tf.distribute.Strategy,
    ):
        self._phase, self._recipe, self._optimizer = phase, recipe, optimizer
        self._averages, self._strategy = averages, strategy
        parts = strategy.num_replicas_in_sync * recipe.accumulate
        if recipe.batch % parts:
            raise InputError(
                f"Expected --batch to be a multiple of {parts}, devices times "
                f"--accumulate. Received: {recipe.batch}"
            )
        self._micro_batch = recipe.batch // parts
        self._gradients = self._micro_batch_gradients
        if recipe.jit_compile:
            self._gradients = tf.function(
                self._gradients, autograph=False, jit_compile=True
            )
        # Without autograph an InputError of the loss arrives as it is.
        self._step = tf.function(self._global_step, autograph=False)

    def __call__(self, batch, stop: bool) -> dict[str, float]:
        """Trains on one batch.

        Args:
            batch: of the distributed dataset: `blurry`, `sharp`, `index`.
            stop: whether this process wants to stop.

        Returns:
            Means over the global batch: the "loss", its unweighted terms by name,
            "psnr" of the finest stage in dB; the "gradient_norm" before clipping;
            "finite", 1 or 0: whether loss and gradient are; "stop", above 0 if any
            process wants to.
        """
        values = self._step(batch, tf.constant(float(stop)))
        return {name: float(value) for name, value in values.items()}

    def _global_step(self, batch, stop: tf.Tensor) -> dict[str, tf.Tensor]:
        run, reduce = self._strategy.run, self._strategy.reduce
        values, gradients, norm = run(self._replica_gradients, (batch, stop))
        values = {name: reduce(_SUM, v, axis=None) for name, v in values.items()}
        # All devices have the same norm.
        norm = self._strategy.experimental_local_results(norm)[0]
        finite = tf.math.is_finite(values["loss"]) & tf.math.is_finite(norm)

        def update() -> tf.Tensor:
            run(self._replica_update, (gradients,))
            if self._averages:
                self._averages.update(self._optimizer.iterations)
            return tf.constant(True)

        if self._recipe.skip_non_finite:
            tf.cond(finite, update, lambda: tf.constant(False))
        else:
            update()
        return {**values, "gradient_norm": norm, "finite": tf.cast(finite, tf.float32)}

    def _replica_gradients(self, batch, stop: tf.Tensor):
        """A device's share of the losses, the clipped gradient of all, its norm."""
        blurry, sharp = batch["blurry"], batch["sharp"]
        if self._recipe.accumulate == 1:
            values, gradients = self._gradients(blurry, sharp)
        else:
            values, gradients = self._accumulated(blurry, sharp)
        context = tf.distribute.get_replica_context()
        gradients = context.all_reduce(_SUM, gradients)
        norm = tf.linalg.global_norm(gradients)
        if self._recipe.clip_norm:
            gradients, _ = tf.clip_by_global_norm(
                gradients, self._recipe.clip_norm, use_norm=norm
            )
        # Each device's own tensor, or it could not be summed.
        return {**values, "stop": tf.identity(stop)}, gradients, norm

    def _accumulated(self, blurry: tf.Tensor, sharp: tf.Tensor):
        """Sums over micro-batches, one after the other: the memory of a single one."""
        size, names = self._micro_batch, ("loss", *self._recipe.loss_terms(), "psnr")

        def add(index, sums):
            images = [x[index * size : (index + 1) * size] for x in (blurry, sharp)]
            images = [tf.ensure_shape(x, (size, *x.shape[1:])) for x in images]
            more = self._gradients(*images)
            return index + 1, tf.nest.map_structure(tf.add, sums, more)

        zeros = (
            {name: tf.constant(0.0) for name in names},
            [tf.zeros(variable.shape) for variable in self._phase.trained],
        )
        _, sums = tf.while_loop(
            lambda index, _: index < self._recipe.accumulate,
            add,
            (tf.constant(0), zeros),
            parallel_iterations=1,
            maximum_iterations=self._recipe.accumulate,
        )
        return sums

    def _micro_batch_gradients(
        self, blurry: tf.Tensor, sharp: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], list[tf.Tensor]]:
        """Loss terms and gradients, as shares of the global batch's."""
        variables = self._phase.trained
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(tensorflow_variables(variables))
            restored = self._phase.restore(blurry)
            values = stage_losses(restored, sharp, self._recipe.loss_terms())
            finest = tf.clip_by_value(models.finest(restored), 0.0, 1.0)
            values["psnr"] = tf.image.psnr(finest, sharp, max_val=1.0)
            # The sum over the devices is then the mean of the global batch.
            values = {
                name: tf.reduce_sum(value) / self._recipe.batch
                for name, value in values.items()
            }
        return values, tape.gradient(values["loss"], variables)

    def _replica_update(self, gradients: list[tf.Tensor]) -> None:
        # The optimizer sums over the devices once more.
        replicas = self._strategy.num_replicas_in_sync
        gradients = [gradient / replicas for gradient in gradients]
        self._optimizer.apply_gradients(
            zip(gradients, self._phase.trained, strict=True)
        )


def tensorflow_variables(variables: Sequence) -> list[tf.Variable]:
    """The variables as TensorFlow knows them: Keras 3 wraps them, Keras 2 does not."""
    return [v if isinstance(v, tf.Variable) else v.value for v in variables]
