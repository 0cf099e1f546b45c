"""The self-ensemble: a runner that restores every branch and fuses the results."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.inference import memory_estimate
from egnet_tf.inference.branches import (
    PAPER_BRANCHES,
    branch_images,
    checked_branches,
    find_branch,
    results_among,
    shrinkage,
)
from egnet_tf.inference.runners.base import Runner


class EnsembleRunner:
    """A `Runner` that calls another one for each branch (Eq. 10-12).

    Args:
        runner: restores one branch.
        branches: names of `egnet_tf.inference.branches`; by default the paper's
            three. An ensemble gets them in this order; to their mean it is nothing.
        ensemble: list of one (B, H, W, 3) for each branch -> (B, H, W, 3); None for
            their mean.

    Raises:
        InputError: unknown branches, branches of other sizes than a fixed tile, or
            not as many as the ensemble fuses.
    """

    def __init__(
        self,
        runner: Runner,
        branches: Sequence[str] | None = None,
        ensemble: keras.Model | None = None,
    ):
        names = tuple(branches or PAPER_BRANCHES)
        if ensemble is None and not results_among(names):
            names = checked_branches(names)
        self._branches = names
        self._runner = runner
        shrink = shrinkage(self._branches)
        found = [find_branch(name) for name in self._branches]
        self._pixels = max(branch.pixels for branch in found)
        if runner.tile is not None and not all(x.keeps_square for x in found):
            raise InputError(
                f"Expected branches that keep the model's fixed tile ({runner.tile}): "
                f"whole, flips, eight_views. Received: {', '.join(self._branches)}"
            )
        if ensemble is not None and len(ensemble.inputs) != len(self._branches):
            raise InputError(
                f"Expected the {len(ensemble.inputs)} branches that the ensemble was "
                f"trained for. Received: {', '.join(self._branches)}"
            )
        self.tile = runner.tile
        self.size_multiple = shrink * runner.size_multiple
        spec = tf.TensorSpec((None, None, None, 3), tf.float32)
        self._fuse = tf.function(
            ensemble or (lambda images: tf.add_n(images) / len(images)),
            input_signature=[[spec] * len(self._branches)],
        )

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3) float32 in [0, 1]; same shape, not clipped."""
        # One branch after the other, outside of a graph, so that the memory is that
        # of a single one.
        images = branch_images(
            lambda image: tf.convert_to_tensor(self._runner(image.numpy())),
            tf.convert_to_tensor(batch),
            self._branches,
            size_multiple=self._runner.size_multiple,
        )
        return self._fuse(images).numpy()

    @property
    def device(self) -> str:
        """What a branch is restored on, and by which library."""
        return self._runner.device

    @property
    def bytes_per_pixel(self) -> float:
        """Memory of a forward pass, in bytes for each pixel of the batch."""
        fusing = memory_estimate.bytes_per_pixel(self._fuse.get_concrete_function())
        kept = 3 * 4 * (len(self._branches) + 1)
        return max(self._pixels * self._runner.bytes_per_pixel, fusing) + kept
