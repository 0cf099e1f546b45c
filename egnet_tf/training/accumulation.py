"""Gradient accumulation: the parts of a batch one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import tensorflow as tf

Gradients = tuple[dict[str, tf.Tensor], list[Any]]
"""Loss values by name, and the gradient of one of them by variable."""


def accumulated(
    gradients_of: Callable[[tf.Tensor, tf.Tensor], Gradients],
    batch: Mapping[str, tf.Tensor],
    parts: int,
    names: Iterable[str],
    variables: Sequence[tf.Variable],
) -> Gradients:
    """Sums values and gradients over the parts of a batch, in the memory of one part.

    `gradients_of` returns them for the `blurry` and `sharp` of a part, (B, H, W, 3) in
    all, where B is a multiple of `parts`. `names` are those of its values, which are
    scalars; `variables` what it differentiates by, in order.
    """
    blurry, sharp = batch["blurry"], batch["sharp"]
    if parts == 1:
        return gradients_of(blurry, sharp)
    size = cast(int, blurry.shape[0]) // parts

    def add(index, sums):
        images = [x[index * size : (index + 1) * size] for x in (blurry, sharp)]
        images = [tf.ensure_shape(x, (size, *x.shape[1:])) for x in images]
        return index + 1, tf.nest.map_structure(tf.add, sums, gradients_of(*images))

    zeros = (
        {name: tf.constant(0.0) for name in names},
        [tf.zeros(variable.shape) for variable in variables],
    )
    _, sums = tf.while_loop(
        lambda index, _: index < parts,
        add,
        (tf.constant(0), zeros),
        parallel_iterations=1,
        maximum_iterations=parts,
    )
    return sums
