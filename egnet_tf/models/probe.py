"""A look at what goes on inside a network."""

from __future__ import annotations

import keras


def last_features(network: keras.Model) -> keras.Model:
    """The features that a network's last convolution turns into the restored picture.

    Args:
        network: of `egnet_tf.models.build`.

    Returns:
        A model of the same weights: float32 (B, H, W, 3) -> (B, H / s, W / s, C) with
        s the stride of the network's stem.
    """
    convolutions = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    to_pictures = [
        layer
        for layer in network.layers
        if isinstance(layer, convolutions) and layer.filters == 3
    ]
    # As with `finest`: their names begin with their stage.
    last = max(to_pictures, key=lambda layer: layer.name)
    return keras.Model(network.input, last.input, name="last_features")
