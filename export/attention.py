"""Takes the loop out of position attention."""

from __future__ import annotations

import keras

from egnet_tf.layers import PositionAttention


def attend_at_once(network: keras.Model) -> None:
    """Makes every position attention of a network see all its queries at once.

    The numbers are the same. Loops over blocks of queries save memory in training and
    on servers; the runtimes of devices have no use for them.
    """
    for layer in network.layers:
        if isinstance(layer, PositionAttention):
            layer.block = None
        elif isinstance(layer, keras.Model):
            attend_at_once(layer)
