"""The self-ensemble network, section 3.2 and Figure 6 of the paper.

           +--> half size --> network --> I1 --> block --+
    image -+--> whole ------> network --> I2 --> block --+--> sum --> 3 convolutions
           +--> quarters ---> network --> I3 --> block --+                 |
                                                                        softmax
                                                                           |
    restored = z1 * I1 + z2 * I2 + z3 * I3  <------------------------ z1, z2, z3

The images I1 ... In are restorations by one network, all at the size of the image (the
branches of `egnet_tf.inference.branches`). What is built here begins with them.
"""

from __future__ import annotations

import itertools
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="egnet_tf")
class WeightedSum(keras.layers.Layer):
    """Eq. 12 and the end of section 3.2: the branches, weighted pixel by pixel.

    Call: [logits (B, H, W, n), branch 1 (B, H, W, 3), ..., branch n] -> the sum of
    the branches under softmax weights (B, H, W, 3), float32. The weights of a pixel
    sum to 1 and are the same for its three colours.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, inputs: Any) -> tf.Tensor:
        logits, *branches = inputs
        weights = tf.split(tf.nn.softmax(logits, axis=-1), len(branches), axis=-1)
        return tf.add_n([w * b for w, b in zip(weights, branches, strict=True)])

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape[1])


def self_ensemble(
    num_branches: int = 3,
    num_features: int = 64,
    shared_blocks: bool = False,
    name: str = "self_ensemble",
) -> keras.Model:
    """Builds the network that fuses several restorations of one image, Eq. 10-12.

    Each branch passes through a residual block (Eq. 10), of its own or, with
    `shared_blocks`, one for all; three convolutions turn the sum into one logit per
    branch and pixel (Eq. 11), and their softmax weights the branches (Eq. 12). The last
    convolution starts at zero: a new network returns the mean of its branches.

    Returns:
        A functional model: list of n float32 (B, H, W, 3) -> float32 (B, H, W, 3).
        Its layer "logits" holds z_in of Eq. 11.
    """
    names = [f"branch{i + 1}" for i in range(num_branches)]
    branches = [keras.Input((None, None, 3), name=title) for title in names]
    convolutions = [
        (
            _conv(num_features, f"{prefix}_conv1", activation="relu"),
            _conv(3, f"{prefix}_conv2"),
        )
        for prefix in (["shared"] if shared_blocks else names)
    ]
    blocks = []
    pairs = itertools.cycle(convolutions)
    for title, branch, (first, second) in zip(names, branches, pairs, strict=False):
        add = keras.layers.Add(name=f"{title}_block")
        blocks.append(add([branch, second(first(branch))]))
    x = keras.layers.Add(name="sum")(blocks) if num_branches > 1 else blocks[0]
    x = _conv(num_features, "conv3", activation="relu")(x)
    x = _conv(num_features, "conv4", activation="relu")(x)
    logits = _conv(num_branches, "logits", kernel_initializer="zeros")(x)
    restored = WeightedSum(name="restored")([logits, *branches])
    return keras.Model(branches, restored, name=name)


def _conv(filters: int, name: str, **kwargs: Any) -> keras.layers.Layer:
    return keras.layers.Conv2D(filters, 3, padding="same", name=name, **kwargs)
