"""Keras layers and tensor functions, one equation each."""

import keras

from egnet_tf.layers.activations import SharedSlope, parametric_relu
from egnet_tf.layers.channel_attention import ResidualChannelAttention
from egnet_tf.layers.gradient_map import (
    NORMALISERS,
    GradientMap,
    gradient_map,
    laplacian,
    mean_filter,
)
from egnet_tf.layers.naf_block import NAFBlock
from egnet_tf.layers.patches import HalvePatches, JoinPatches, Patches, TakeHalf
from egnet_tf.layers.pooling import GlobalPool, local_pooling
from egnet_tf.layers.position_attention import (
    PositionAttention,
    blockwise_attention,
    plain_attention,
)
from egnet_tf.layers.resampling import (
    Upsample,
    doubling_convolution,
    halving_convolution,
)
from egnet_tf.layers.residual import ResidualBlock
from egnet_tf.layers.spatial_attention import ResidualSpatialAttention
from egnet_tf.layers.supervised_attention import (
    SupervisedAttention,
    UnfoldedConv2DTranspose,
    image_convolution,
)
from egnet_tf.layers.whitening import whitening_convolution

__all__ = [
    "NORMALISERS",
    "GlobalPool",
    "GradientMap",
    "HalvePatches",
    "JoinPatches",
    "NAFBlock",
    "Patches",
    "PositionAttention",
    "ResidualBlock",
    "ResidualChannelAttention",
    "ResidualSpatialAttention",
    "SharedSlope",
    "SupervisedAttention",
    "TakeHalf",
    "UnfoldedConv2DTranspose",
    "Upsample",
    "blockwise_attention",
    "doubling_convolution",
    "gradient_map",
    "halving_convolution",
    "image_convolution",
    "laplacian",
    "local_pooling",
    "mean_filter",
    "parametric_relu",
    "plain_attention",
    "whitening_convolution",
]

# Before the first of our layers is made, and whatever ~/.keras/keras.json says.
keras.backend.set_image_data_format("channels_last")
keras.backend.set_floatx("float32")
