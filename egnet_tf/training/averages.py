"""The moving average of the weights ("EMA") that is validated, saved and exported."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import tensorflow as tf


class WeightAverages:
    """Follows variables while they are trained.

    After update t = 1, 2, ... with the weights w:

        a <- d a + (1 - d) w,   d = min(decay, (1 + t) / (10 + t)),

    so that the first averages are not those of the untrained weights.

    Args:
        weights: the variables; make this inside the strategy's scope.
        decay: in (0, 1); or 0 to follow nothing: the weights are then used as they
            are.
        strategy: the run's distribution strategy.
    """

    def __init__(
        self,
        weights: Sequence[tf.Variable],
        decay: float,
        strategy: tf.distribute.Strategy,
    ):
        self._weights = weights if decay else ()
        self._decay, self._strategy = decay, strategy
        self.values = [tf.Variable(w, trainable=False) for w in self._weights]

    def update(self, updates: tf.Tensor) -> None:
        """Takes in the weights as they are after update t; in cross-replica context."""
        t = tf.cast(updates, tf.float32)
        kept = tf.minimum(self._decay, (1 + t) / (10 + t))
        for average, weight in zip(self.values, self._weights, strict=True):
            self._strategy.extended.update(
                average,
                lambda a, w: a.assign_sub((1 - kept) * (a - w)),
                args=(weight,),
            )

    def adopt(self) -> None:
        """Replaces the weights by their averages."""
        for average, weight in zip(self.values, self._weights, strict=True):
            weight.assign(average.read_value())

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Inside, the weights are their averages; afterwards themselves again."""
        trained = [weight.numpy() for weight in self._weights]
        self.adopt()
        try:
            yield
        finally:
            for weight, value in zip(self._weights, trained, strict=True):
                weight.assign(value)
