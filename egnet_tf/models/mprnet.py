"""MPRNet for deblurring: the backbone of EGNet, Figure 1 of the paper.

    quarters ------> encoder 1 --> halves --> EGN --> decoder 1 --> SAM --> stage 1
                         |                                |          |
                         +------------- CSFF -------------+          |
               +---------|------------ gated features ---------------+
               v         v
    halves --> + --> encoder 2 --> whole ---> EGN --> decoder 2 --> SAM --> stage 2
                         |                                |          |
                         +------------- CSFF -------------+          |
               +---------|------------ gated features ---------------+
               v         v
    whole ---> + --> attention blocks at full resolution -----------------> stage 3

The features of neighbouring quarters are joined before they are decoded as halves, and
those of the halves as the whole; EGN (`egnet_tf.models.egn`) stands before or after
that, and sees the same patch of the gradient map of the image. A supervised attention
module (SAM) ends each of the first two stages; cross-stage feature fusion (CSFF) hands
all levels of encoder and decoder on. Every stage adds a residual to the blurry image.

From Zamir et al., "Multi-Stage Progressive Image Restoration", CVPR 2021. Two things
differ from the publication without changing a number: patches lie on the batch axis,
and 1x1 convolutions run before the bilinear upsampling, with which they commute, on a
quarter of the pixels. Two options are ours, for small devices: a strided stem that
starts as a whitening transform, and ReLU in place of the shared PReLU.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from egnet_tf.layers import (
    Patches,
    ResidualChannelAttention,
    SharedSlope,
    SupervisedAttention,
    Upsample,
    image_convolution,
    whitening_convolution,
)
from egnet_tf.models.configs import MPRNetConfig
from egnet_tf.models.egn import Enhancer, enhance_patches
from egnet_tf.models.layout import DEFAULT_LAYOUT, Layout


def mprnet(
    config: MPRNetConfig,
    layout: Layout = DEFAULT_LAYOUT,
    enhance: Enhancer | None = None,
    name: str = "mprnet",
) -> keras.Model:
    """Builds the three-stage network; with the default config, 20,127,073 parameters.

    `enhance(stage, features, gradient) -> features` is called between the encoder and
    the decoder of stages 1 and 2. `features` is the encoder's coarsest level, at
    1/egn_stride of the resolution of `gradient`, the gradient map: of the quarters in
    stage 1 and of the halves in stage 2 with `enhance.apart`; otherwise of the halves
    and of the whole image.

    Returns:
        A functional model: float32 (B, H, W, 3) in [0, 1] -> {"stage3": finest,
        "stage2", "stage1"}, each float32 (B, H, W, 3), not clipped. A new model
        returns its input.

    Raises:
        ValueError: a fixed image size is not a multiple of `config.size_multiple`.
    """
    image = layout.image_input(config.size_multiple)
    prelu = config.activation == "prelu"
    blocks = _Blocks(
        config, SharedSlope(name="slope")(image) if prelu else None, layout.recompute
    )
    unfold = layout.unfold_transposed
    supervised = config.num_features, config.stride, unfold
    egn_features: dict[str, Any] | None = {} if layout.features else None

    # === One, two and four patches ===
    whole = Patches.whole(image, stacked=layout.stack_patches)
    halves = whole.halve("height")
    quarters = halves.halve("width")

    gradient = enhance and enhance.gradient_map(image)

    # === Stage 1: encode quarters, decode halves ===
    extract, encode = blocks.shallow("stage1"), blocks.encoder("stage1_encoder")
    encoded = quarters.map(lambda patch: encode(extract(patch))).unzip()
    encoded1 = [level.join() for level in encoded]
    coarsest = enhance_patches(
        enhance, 1, encoded[2], encoded1[2], gradient, egn_features
    )
    decode = blocks.decoder("stage1_decoder")
    decoded1 = encoded1[0].map(decode, encoded1[1], coarsest).unzip()
    sam12 = SupervisedAttention(*supervised, name="sam12")
    gated, restored = decoded1[0].map(lambda x, p: sam12([x, p]), halves).unzip()
    stage1 = restored.join().tensor

    # === Stage 2: encode halves, decode the whole ===
    extract = blocks.shallow("stage2")
    encode = blocks.encoder("stage2_encoder", fused=True)
    concat12 = _conv(config.num_features, 3, "concat12")
    merged = halves.map(lambda patch, x: concat12(_concat(extract(patch), x)), gated)
    encoded = merged.map(encode, *encoded1, *decoded1).unzip()
    encoded2 = [level.join() for level in encoded]
    coarsest = enhance_patches(
        enhance, 2, encoded[2], encoded2[2], gradient, egn_features
    )
    decode = blocks.decoder("stage2_decoder")
    decoded2 = encoded2[0].map(decode, encoded2[1], coarsest).unzip()
    sam23 = SupervisedAttention(*supervised, name="sam23")
    gated, stage2 = sam23([decoded2[0].tensor, image])

    # === Stage 3: the whole at the features' own resolution ===
    width = config.num_features + config.orsnet_features
    concat23 = _conv(width, 3, "concat23")
    x = concat23(_concat(blocks.shallow("stage3")(image), gated))
    for i in range(3):
        block = blocks.cabs(width, config.num_cabs, f"stage3_orb{i + 1}")
        x = _add(x, _conv(width, 3, f"stage3_orb{i + 1}_conv")(block(x)))
        context = blocks.context(encoded2[i].tensor, decoded2[i].tensor, i, width)
        x = _add(x, context)
    residual = image_convolution(3, config.stride, unfold, name="stage3_tail")(x)
    stage3 = keras.layers.Add(dtype="float32", name="stage3")([image, residual])

    stages = {"stage3": stage3, "stage2": stage2, "stage1": stage1}
    return keras.Model(image, {**stages, **(egn_features or {})}, name=name)


@dataclasses.dataclass(frozen=True)
class _Blocks:
    """The parts of the three stages; each method makes layers and returns a callable.

    Attributes:
        config: of the network.
        slope: of the shared PReLU as a tensor of the graph, None for ReLU.
        recompute: see `Layout`.
    """

    config: MPRNetConfig
    slope: Any
    recompute: bool

    def cabs(self, filters: int, count: int, prefix: str) -> Callable:
        """A chain of channel attention blocks."""
        chain = [
            ResidualChannelAttention(
                filters,
                self.config.reduction,
                recompute=self.recompute,
                name=f"{prefix}_cab{i + 1}",
            )
            for i in range(count)
        ]

        def apply(x):
            for cab in chain:
                x = cab(x if self.slope is None else [x, self.slope])
            return x

        return apply

    def shallow(self, stage: str) -> Callable:
        """Image -> features."""
        name = f"{stage}_shallow_conv"
        filters, stride = self.config.num_features, self.config.stride
        if stride == 1:
            conv = _conv(filters, 3, name)
        else:
            conv = whitening_convolution(filters, stride, name=name)
        cab = self.cabs(filters, 1, f"{stage}_shallow")
        return lambda image: cab(conv(image))

    def levels(self, prefix: str) -> list[Callable]:
        """The attention blocks of each level."""
        return [
            self.cabs(width, self.config.num_level_cabs, f"{prefix}_level{i + 1}")
            for i, width in enumerate(self.config.widths)
        ]

    def encoder(self, prefix: str, fused: bool = False) -> Callable:
        """Features -> three levels; fused with an earlier stage's six if asked."""
        levels, widths = self.levels(prefix), self.config.widths
        halve = keras.layers.AveragePooling2D(2, name=f"{prefix}_halve")
        downs = [_conv(widths[i], 1, f"{prefix}_down{i}{i + 1}") for i in (1, 2)]
        fusions = [
            [
                _conv(width, 1, f"{prefix}_csff_{side}{i + 1}")
                for i, width in enumerate(widths)
            ]
            for side in ("encoder", "decoder")
            if fused
        ]

        def apply(x, *earlier):
            outputs = []
            for i, level in enumerate(levels):
                x = level(downs[i - 1](halve(x)) if i else x)
                if fused:
                    sides = zip(fusions, (earlier[:3], earlier[3:]), strict=True)
                    x = _add(x, *(convs[i](levels_[i]) for convs, levels_ in sides))
                outputs.append(x)
            return tuple(outputs)

        return apply

    def decoder(self, prefix: str) -> Callable:
        """Three levels, encoded -> three levels, decoded; finest first."""
        levels, widths = self.levels(prefix), self.config.widths
        skips = [self.cabs(widths[i], 1, f"{prefix}_skip{i + 1}") for i in (0, 1)]
        ups = [_conv(widths[i], 1, f"{prefix}_up{i + 2}{i + 1}") for i in (0, 1)]
        double = Upsample(name=f"{prefix}_double")

        def apply(level1, level2, level3):
            third = levels[2](level3)
            second = levels[1](_add(double(ups[1](third)), skips[1](level2)))
            first = levels[0](_add(double(ups[0](second)), skips[0](level1)))
            return first, second, third

        return apply

    def context(self, encoded: Any, decoded: Any, level: int, filters: int) -> Any:
        """What stage 3 takes from one level of stage 2, at the finest resolution.

        Every 1x1 convolution on the way up precedes the upsampling, so the sum of
        both sides is upsampled only once.
        """
        widths = [*self.config.widths[:level][::-1], filters]
        sides = []
        for features, side in ((encoded, "encoder"), (decoded, "decoder")):
            for step, width in enumerate(widths):
                name = f"stage3_{side}{level + 1}_conv{step + 1}"
                features = _conv(width, 1, name)(features)
            sides.append(features)
        features = _add(*sides)
        for step in range(level):
            features = Upsample(name=f"stage3_context{level + 1}_up{step + 1}")(
                features
            )
        return features


def _conv(filters: int, kernel_size: int, name: str) -> keras.layers.Layer:
    return keras.layers.Conv2D(
        filters, kernel_size, padding="same", use_bias=False, name=name
    )


def _add(*tensors: Any) -> Any:
    return keras.layers.Add()(tensors)


def _concat(*tensors: Any) -> Any:
    return keras.layers.Concatenate()(tensors)
