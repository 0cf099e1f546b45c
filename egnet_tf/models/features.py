"""Intermediate features of the networks, and the finest of their outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from egnet_tf.models.networks import build
from egnet_tf.models.weights import LoadedModel, transfer_weights


def finest(outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The restored image among a network's outputs by stage: that of its last stage.

    Stages are numbered in the order in which they run: "stage1", "stage2", ... The
    names count and not the order in the dictionary, which some frameworks sort.
    """
    return outputs[max(outputs)]


def last_features(network: keras.Model) -> keras.Model:
    """The features from which a network's last convolution makes its residual.

    Returns:
        A model of the same weights: float32 (B, H, W, 3) -> (B, H / s, W / s, C) with
        s the stride of the network's stem.
    """
    convolutions = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    to_images = [
        layer
        for layer in network.layers
        if isinstance(layer, convolutions) and layer.filters == 3
    ]
    # Their names begin with their stage, as in `finest`.
    last = max(to_images, key=lambda layer: layer.name)
    return keras.Model(network.input, last.input, name="last_features")


class Enhanced(NamedTuple):
    """An EGN's input and output features for the whole image: (h, w, C)."""

    before: np.ndarray
    after: np.ndarray


def egn_features(model: LoadedModel, image: np.ndarray) -> dict[int, Enhanced]:
    """The features before and after EGN, by stage, of every stage that has one.

    The network is built again with these features among its outputs. Stages that work
    on patches have theirs joined. The image is float32 (1, H, W, 3) in [0, 1].
    """
    network = build(model.variant, features=True)
    transfer_weights(model.network, network)
    outputs = network(image, training=False)
    stages = sorted(
        int(name.removeprefix("egn_stage").removesuffix("_after"))
        for name in outputs
        if name.endswith("_after")
    )

    def features(stage: int, where: str) -> np.ndarray:
        return np.asarray(outputs[f"egn_stage{stage}_{where}"][0], np.float32)

    return {n: Enhanced(features(n, "before"), features(n, "after")) for n in stages}


def ensemble_weights(ensemble: keras.Model) -> keras.Model:
    """The weights by which a self-ensemble network sums its branches, z of Eq. 12.

    Returns:
        A model of the same weights: list of n (B, H, W, 3) -> (B, H, W, n).
    """
    weights = keras.layers.Softmax()(ensemble.get_layer("logits").output)
    return keras.Model(ensemble.inputs, weights, name="ensemble_weights")
