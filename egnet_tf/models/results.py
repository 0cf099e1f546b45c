"""The network of a self-ensemble whose images are given: it is never run.

A run on the dataset `results` trains the self-ensemble alone, on restorations that
other methods made. This takes the place of the network that would have made them.
"""

from __future__ import annotations

from typing import Any

import keras

from egnet_tf.models.configs import ResultsConfig
from egnet_tf.models.layout import Layout


def results(
    config: ResultsConfig, layout: Layout, enhance: Any = None, name: str = "results"
) -> keras.Model:
    """Builds a network without weights that returns the image, as stage 1."""
    image = keras.Input((None, None, 3), name="image")
    return keras.Model(
        image, {"stage1": keras.layers.Identity(name="given")(image)}, name=name
    )
