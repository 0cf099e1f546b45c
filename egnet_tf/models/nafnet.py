"""NAFNet: a U-Net of one scale, without nonlinear activations.

From Chen et al., "Simple Baselines for Image Restoration", ECCV 2022: blocks of
products of channels (see `egnet_tf.layers.NAFBlock`) in a U-Net of five levels, most
of them at the last level of the encoder. It is here as the baseline of `egnet_mobile`
(docs/experiments/mobile_network.md).
"""

from __future__ import annotations

from typing import Any

import keras

from egnet_tf.layers import NAFBlock, Patches, image_convolution
from egnet_tf.models.configs import NAFNetConfig
from egnet_tf.models.egn import Enhancer, enhance_patches
from egnet_tf.models.layout import DEFAULT_LAYOUT, Layout

_LEVELS = 4


def nafnet(
    config: NAFNetConfig,
    layout: Layout = DEFAULT_LAYOUT,
    enhance: Enhancer | None = None,
    name: str = "nafnet",
) -> keras.Model:
    """Builds the network; with the default config, 17,111,907 parameters.

    `enhance(1, features, gradient) -> features` is called once, on the features
    between encoder and decoder, at 1/16 of the resolution of `gradient`, the gradient
    map.

    Returns:
        A functional model: float32 (B, H, W, 3) in [0, 1] -> {"stage1": float32
        (B, H, W, 3), not clipped}.

    Raises:
        ValueError: a fixed image size is not a multiple of `config.size_multiple`.
    """
    egn_features: dict[str, Any] | None = {} if layout.features else None

    def blocks(x: Any, number: int, prefix: str) -> Any:
        for i in range(number):
            block = NAFBlock(
                x.shape[-1], layout.recompute, name=f"{prefix}_block{i + 1}"
            )
            x = block(x)
        return x

    image = layout.image_input(config.size_multiple)
    x = keras.layers.Conv2D(config.num_features, 3, padding="same", name="enter")(image)

    # === Encoder, fine to coarse ===
    levels = []
    for level in range(1, _LEVELS + 1):
        x = blocks(x, config.num_blocks if level == _LEVELS else 1, f"encoder{level}")
        levels.append(x)
        x = keras.layers.Conv2D(2 * x.shape[-1], 2, strides=2, name=f"down{level}")(x)
    encoded = Patches.whole(blocks(x, 1, "middle"))
    gradient = enhance and enhance.gradient_map(image)
    x = enhance_patches(enhance, 1, encoded, encoded, gradient, egn_features).tensor

    # === Decoder, coarse to fine ===
    for level in range(_LEVELS, 0, -1):
        # As the published 1x1 convolution and pixel shuffle.
        x = keras.layers.Conv2DTranspose(
            x.shape[-1] // 2, 2, strides=2, use_bias=False, name=f"up{level}"
        )(x)
        x = keras.layers.Add(name=f"skip{level}")([x, levels[level - 1]])
        x = blocks(x, 1, f"decoder{level}")
    residual = image_convolution(3, 1, use_bias=True, name="stage1_tail")(x)
    restored = keras.layers.Add(dtype="float32", name="stage1")([image, residual])
    return keras.Model(image, {"stage1": restored, **(egn_features or {})}, name=name)
