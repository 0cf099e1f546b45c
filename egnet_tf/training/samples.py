"""A few held-out windows, watched through the training: images and HSIC."""

from __future__ import annotations

import statistics

import keras
import numpy as np

from egnet_tf import models
from egnet_tf.data import Pairs
from egnet_tf.inference import Restorer
from egnet_tf.metrics.hsic import dependence_on_images
from egnet_tf.training.phases import Phase
from egnet_tf.visualization import visible_gradient_map
from egnet_tf.visualization.sheet import column, labelled_row, resized

_POSITIONS = 500
"""Samples of HSIC: half of Table 5's, for an eighth of its time."""


class Samples:
    """Windows of the first held-out pair and of one from the middle.

    Args:
        phase: whose networks are watched, as they are at the time of a call.
        restorer: of these networks.
        pairs: held out from training.
        size: side of the windows in pixels; the networks take it.
        hsic: whether to measure it, too.
    """

    def __init__(
        self, phase: Phase, restorer: Restorer, pairs: Pairs, size: int, hsic: bool
    ):
        self._restorer, self._hsic = restorer, hsic
        self._windows = [
            pairs.crop(index, size, np.random.default_rng(0))
            for index in sorted({0, len(pairs) // 2})
        ]
        network = phase.network
        features = models.last_features(network).output
        self._network = keras.Model(network.input, [network.output, features])

    def look(self) -> tuple[np.ndarray, float | None]:
        """Restores the windows.

        Returns:
            A sheet, uint8 (H, W, 3), with a row a window: blurry, the network's
            stages, restored, the gradient map of that (Eq. 15), sharp; and the ratio
            of nHSIC with the sharp image to that with the blurry one, in the mean
            over the windows (`metrics.hsic`, 500 positions), or None.
        """
        rows, ratios = [], []
        for blurry, sharp in self._windows:
            image = blurry[None].astype(np.float32) / 255
            stages, features = self._network(image, training=False)
            restored = self._restorer(blurry)
            images = {"blurry": blurry}
            for name in sorted(stages):
                levels = np.rint(255 * np.clip(stages[name][0].numpy(), 0, 1))
                images[name] = resized(levels.astype(np.uint8), blurry.shape[:2])
            images["restored"] = restored
            images["gradient map"] = visible_gradient_map(restored)
            rows.append(labelled_row({**images, "sharp": sharp}))
            if not self._hsic:
                continue
            features = np.asarray(features[0], np.float32)
            positions = min(_POSITIONS, features.shape[0] * features.shape[1])
            ratios.append(
                dependence_on_images(
                    features, blurry, sharp, np.random.default_rng(0), positions
                ).ratio
            )
        return column(rows), statistics.fmean(ratios) if ratios else None
