"""MIMO-UNet and MIMO-UNet+: a backbone with inputs and outputs at three scales.

From Cho et al., "Rethinking Coarse-to-Fine Approach in Single Image
Deblurring", ICCV 2021, section 3: one U-Net whose encoder takes the image at full,
half and quarter size and whose decoder restores it at all three. Shallow
convolutional modules (SCM) extract features of the smaller images, feature attention
modules (FAM) merge them with the encoder's features, and asymmetric feature fusion
(AFF) hands all scales of the encoder to each finer decoder.

The published MIMO-UNet+ (`num_blocks=20`) also applies dropout of 0.1 to the fused
features during training; this one does not.
"""

from __future__ import annotations

from typing import Any

import keras

from egnet_tf.layers import (
    Patches,
    ResidualBlock,
    Upsample,
    doubling_convolution,
    halving_convolution,
    image_convolution,
)
from egnet_tf.models.configs import MIMOUNetConfig
from egnet_tf.models.egn import Enhancer, enhance_patches
from egnet_tf.models.layout import DEFAULT_LAYOUT, Layout


def mimo_unet(
    config: MIMOUNetConfig,
    layout: Layout = DEFAULT_LAYOUT,
    enhance: Enhancer | None = None,
    name: str = "mimo_unet",
) -> keras.Model:
    """Builds the three-scale network; with the default config, 6,807,171 parameters.

    `enhance(1, features, gradient) -> features` is called once, on the encoder's
    coarsest features, at 1/4 of the resolution of `gradient`, the gradient map. All
    that the decoders see of that scale, directly and through the fusion, is enhanced.
    There are no patches for the layout to stack.

    Returns:
        A functional model: float32 (B, H, W, 3) in [0, 1] -> {"stage3": (B, H, W, 3),
        "stage2": (B, H/2, W/2, 3), "stage1": (B, H/4, W/4, 3)}, float32, not clipped.
        A new model returns its input and every second and fourth pixel of it.

    Raises:
        ValueError: a fixed image size is not a multiple of `config.size_multiple`.
    """
    egn_features: dict[str, Any] | None = {} if layout.features else None
    widths = [config.num_features * scale for scale in (1, 2, 4)]

    def blocks(x: Any, prefix: str) -> Any:
        for i in range(config.num_blocks):
            block = ResidualBlock(
                x.shape[-1], layout.recompute, name=f"{prefix}_block{i + 1}"
            )
            x = block(x)
        return x

    # === The image at three sizes: every second pixel, and of these again ===
    image = layout.image_input(config.size_multiple)
    half = _halve("half", "float32")(image)
    quarter = _halve("quarter", "float32")(half)

    # === Encoders, fine to coarse ===
    x = _conv(widths[0], 3, "enter", "relu")(image)
    fine = blocks(x, "encoder1")
    x = halving_convolution(widths[1], "down12", "relu")(fine)
    x = _merge(x, _shallow(half, widths[1], "scm2"), "fam2")
    middle = blocks(x, "encoder2")
    x = halving_convolution(widths[2], "down23", "relu")(middle)
    x = _merge(x, _shallow(quarter, widths[2], "scm3"), "fam3")
    encoded = Patches.whole(blocks(x, "encoder3"))
    gradient = enhance and enhance.gradient_map(image)
    coarse = enhance_patches(
        enhance, 1, encoded, encoded, gradient, egn_features
    ).tensor

    # === Fusion of all scales, at each of the two finer ones ===
    double = Upsample("nearest", name="double")
    raised = double(coarse)
    fused1 = _fuse([fine, double(middle), double(raised)], widths[0], "aff1")
    fused2 = _fuse([_halve("fine_half")(fine), middle, raised], widths[1], "aff2")

    # === Decoders, coarse to fine: one stage each ===
    x = blocks(coarse, "stage1")
    stage1 = _restore(x, quarter, "stage1")
    x = doubling_convolution(widths[1], "stage2_up", "relu")(x)
    x = _conv(widths[1], 1, "stage2_join", "relu")(_concat(x, fused2))
    x = blocks(x, "stage2")
    stage2 = _restore(x, half, "stage2")
    x = doubling_convolution(widths[0], "stage3_up", "relu")(x)
    x = _conv(widths[0], 1, "stage3_join", "relu")(_concat(x, fused1))
    x = blocks(x, "stage3")
    stage3 = _restore(x, image, "stage3")

    stages = {"stage3": stage3, "stage2": stage2, "stage1": stage1}
    return keras.Model(image, {**stages, **(egn_features or {})}, name=name)


def _shallow(image: Any, filters: int, prefix: str) -> Any:
    """SCM: features of a smaller image, which itself is among their channels."""
    x = _conv(filters // 4, 3, f"{prefix}_conv1", "relu")(image)
    x = _conv(filters // 2, 1, f"{prefix}_conv2", "relu")(x)
    x = _conv(filters // 2, 3, f"{prefix}_conv3", "relu")(x)
    x = _conv(filters - 3, 1, f"{prefix}_conv4", "relu")(x)
    return _conv(filters, 1, f"{prefix}_join")(_concat(image, x))


def _merge(x: Any, shallow: Any, prefix: str) -> Any:
    """FAM: the features, and a convolution of their product with the image's."""
    product = keras.layers.Multiply(name=f"{prefix}_product")([x, shallow])
    product = _conv(x.shape[-1], 3, f"{prefix}_conv")(product)
    return keras.layers.Add(name=prefix)([x, product])


def _fuse(scales: list, filters: int, prefix: str) -> Any:
    """AFF: features of all scales, brought to one size -> features of that size."""
    x = _conv(filters, 1, f"{prefix}_conv1", "relu")(_concat(*scales))
    return _conv(filters, 3, f"{prefix}_conv2")(x)


def _restore(x: Any, image: Any, stage: str) -> Any:
    residual = image_convolution(3, 1, use_bias=True, name=f"{stage}_tail")(x)
    return keras.layers.Add(dtype="float32", name=stage)([image, residual])


def _halve(name: str, dtype: str | None = None) -> keras.layers.Layer:
    # The mean of one pixel, of every second one.
    return keras.layers.AveragePooling2D(1, strides=2, name=name, dtype=dtype)


def _conv(
    filters: int, kernel_size: int, name: str, activation: str | None = None
) -> keras.layers.Layer:
    return keras.layers.Conv2D(
        filters, kernel_size, padding="same", activation=activation, name=name
    )


def _concat(*tensors: Any) -> Any:
    return keras.layers.Concatenate()(tensors)
