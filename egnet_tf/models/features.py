"""A look at what goes on inside a network."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import NamedTuple
from unittest import mock

import keras
import numpy as np
import tensorflow as tf


def finest(outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The restored image among a network's outputs: that of its last stage.

    Stages are numbered in the order of their work, "stage1", "stage2", ...; by their
    names and not by their order in the dictionary, which not everything that passes
    a dictionary on keeps.

    Args:
        outputs: restored images by stage.
    """
    return outputs[max(outputs)]


def last_features(network: keras.Model) -> keras.Model:
    """The features that a network's last convolution turns into the restored image.

    Args:
        network: of `egnet_tf.models.build`.

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
    # As with `finest`: their names begin with their stage.
    last = max(to_images, key=lambda layer: layer.name)
    return keras.Model(network.input, last.input, name="last_features")


class Enhanced(NamedTuple):
    """The features that an EGN takes and gives, of the whole image: (h, w, C)."""

    before: np.ndarray
    after: np.ndarray


def egn_features(network: keras.Model, image: np.ndarray) -> dict[int, Enhanced]:
    """The features before and after EGN, of every stage that has one.

    Args:
        network: of `egnet_tf.models.build`, with patches stacked.
        image: float32 (1, H, W, 3) in [0, 1].

    Returns:
        By stage; empty for a network without EGN. Stages that work on patches have
        theirs joined.
    """
    seen: dict[int, Enhanced] = {}

    def recording(layer: keras.Model):
        call, stage = layer.call, int(layer.name.removeprefix("egn_stage"))

        def recorded(inputs, *args, **kwargs):
            enhanced = call(inputs, *args, **kwargs)
            both = (np.asarray(x, np.float32) for x in (inputs[0], enhanced))
            seen[stage] = Enhanced(*map(_joined, both))
            return enhanced

        return mock.patch.object(layer, "call", recorded)

    # Keras gives no symbolic tensors of a call of a nested model: listen to one.
    with contextlib.ExitStack() as listening:
        for layer in network.layers:
            if layer.name.startswith("egn_stage"):
                listening.enter_context(recording(layer))
        network(image, training=False)
    return dict(sorted(seen.items()))


def ensemble_weights(ensemble: keras.Model) -> keras.Model:
    """The weights by which a self-ensemble network sums its branches, z of Eq. 12.

    Args:
        ensemble: of `egnet_tf.models.build_ensemble`.

    Returns:
        A model of the same weights: list of n (B, H, W, 3) -> (B, H, W, n).
    """
    weights = keras.layers.Softmax()(ensemble.get_layer("logits").output)
    return keras.Model(ensemble.inputs, weights, name="ensemble_weights")


def _joined(stack: np.ndarray) -> np.ndarray:
    """Joins patches (n, h, w, C), cut in turns along height and width: (H, W, C)."""
    patches = list(stack)
    axes = [(0, 1)[i % 2] for i in range(len(patches).bit_length() - 1)]
    for axis in reversed(axes):
        pairs = zip(patches[::2], patches[1::2], strict=True)
        patches = [np.concatenate(pair, axis=axis) for pair in pairs]
    return patches[0]
