"""MPRNet for deblurring: the backbone of EGNet.

Written from Zamir et al., "Multi-Stage Progressive Image Restoration", CVPR 2021,
and EGNet section 3, Figure 1: three stages that look at four patches, two halves
and the whole image. The first two are encoder-decoders, the third never leaves
the full resolution; a supervised attention module (SAM) ends each of the first two
and cross-stage feature fusion (CSFF) hands their features on.

Two things differ from the publication without changing a number: patches lie on the
batch axis, and 1x1 convolutions run before bilinear up-sampling, with which they
commute, on a quarter of the pixels. Two options are ours, for small devices: a
strided stem that starts as a whitening transform, and ReLU in place of the shared
PReLU.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

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

# Patches of half the image's side, halved twice by an encoder.
SIZE_MULTIPLE = 8


def mprnet(
    num_features: int = 96,
    unet_features: int = 48,
    orsnet_features: int = 32,
    num_cabs: int = 8,
    num_level_cabs: int = 2,
    reduction: int = 4,
    stem_stride: int = 1,
    activation: str = "prelu",
    enhance: Callable | None = None,
    image_size: tuple[int | None, int | None] = (None, None),
    batch_size: int | None = None,
    stack_patches: bool = True,
    recompute: bool = False,
    name: str = "mprnet",
) -> keras.Model:
    """Builds the three-stage network; with the defaults, 20,127,073 parameters.

    Args:
        num_features: channels at the finest level of encoders and decoders.
        unet_features: channels that each of the two coarser levels adds.
        orsnet_features: channels that stage 3 adds to num_features.
        num_cabs: channel attention blocks in each of the three blocks of stage 3.
        num_level_cabs: channel attention blocks a level of encoders and decoders.
        reduction: of the channel attention.
        stem_stride: 1 is MPRNet. With s > 1 all features lie at 1/s of the
            resolution, behind a `whitening_convolution` of s x s pixels.
        activation: "prelu" (one slope for the whole network) or "relu".
        enhance: called as enhance(stage, features, image) -> features between the
            encoder and the decoder of stages 1 and 2. `features` is the encoder's
            coarsest level, at 1/(4 stem_stride) of the resolution of `image`: the
            halves of the blurry image in stage 1, all of it in stage 2.
        image_size: (height, width), None where it is to stay open. Multiples of
            8 * stem_stride.
        batch_size: a fixed batch size, for export.
        stack_patches: False keeps patches apart, see `egnet_tf.layers.patches`.
        recompute: keep only the inputs of the attention blocks for the gradient.
        name: of the model.

    Returns:
        A functional model: float32 (B, H, W, 3) in [0, 1] -> {"stage3": finest,
        "stage2", "stage1"}, each float32 (B, H, W, 3), not clipped. A new model
        returns its input.

    Raises:
        ValueError: a fixed image size is not a multiple, or an unknown activation.
    """
    multiple = SIZE_MULTIPLE * stem_stride
    if any(side is not None and side % multiple for side in image_size):
        raise ValueError(
            f"Height and width must be multiples of {multiple}. Received: {image_size}"
        )
    if activation not in ("prelu", "relu"):
        raise ValueError(
            f'activation must be "prelu" or "relu". Received: {activation!r}'
        )
    image = keras.Input((*image_size, 3), batch_size=batch_size, name="image")
    blocks = _Blocks(
        widths=tuple(num_features + level * unet_features for level in range(3)),
        num_level_cabs=num_level_cabs,
        reduction=reduction,
        stem_stride=stem_stride,
        slope=SharedSlope(name="slope")(image) if activation == "prelu" else None,
        recompute=recompute,
    )

    def enhanced(stage: int, features: Patches, images: Patches) -> Patches:
        if enhance is None:
            return features
        return features.map(lambda f, p: enhance(stage, f, p), images)

    # === One, two and four patches ===
    whole = Patches.whole(image, stacked=stack_patches)
    halves = whole.halve("height")
    quarters = halves.halve("width")

    # === Stage 1: encode quarters, decode halves ===
    extract, encode = blocks.shallow("stage1"), blocks.encoder("stage1_encoder")
    encoded = quarters.map(lambda patch: encode(extract(patch))).unzip()
    encoded1 = [level.join("width") for level in encoded]
    coarsest = enhanced(1, encoded1[2], halves)
    decode = blocks.decoder("stage1_decoder")
    decoded1 = encoded1[0].map(decode, encoded1[1], coarsest).unzip()
    sam12 = SupervisedAttention(num_features, stem_stride, name="sam12")
    gated, restored = decoded1[0].map(lambda x, p: sam12([x, p]), halves).unzip()
    stage1 = restored.join("height").tensor

    # === Stage 2: encode halves, decode the whole ===
    extract = blocks.shallow("stage2")
    encode = blocks.encoder("stage2_encoder", fused=True)
    concat12 = _conv(num_features, 3, "concat12")
    merged = halves.map(lambda patch, x: concat12(_concat(extract(patch), x)), gated)
    encoded = merged.map(encode, *encoded1, *decoded1).unzip()
    encoded2 = [level.join("height") for level in encoded]
    coarsest = enhanced(2, encoded2[2], whole)
    decode = blocks.decoder("stage2_decoder")
    decoded2 = encoded2[0].map(decode, encoded2[1], coarsest).unzip()
    sam23 = SupervisedAttention(num_features, stem_stride, name="sam23")
    gated, stage2 = sam23([decoded2[0].tensor, image])

    # === Stage 3: the whole at the features' own resolution ===
    width = num_features + orsnet_features
    concat23 = _conv(width, 3, "concat23")
    x = concat23(_concat(blocks.shallow("stage3")(image), gated))
    for i in range(3):
        block = blocks.cabs(width, num_cabs, f"stage3_orb{i + 1}")
        x = _add(x, _conv(width, 3, f"stage3_orb{i + 1}_conv")(block(x)))
        context = blocks.context(encoded2[i].tensor, decoded2[i].tensor, i, width)
        x = _add(x, context)
    residual = image_convolution(3, stem_stride, name="stage3_tail")(x)
    stage3 = keras.layers.Add(dtype="float32", name="stage3")([image, residual])

    outputs = {"stage3": stage3, "stage2": stage2, "stage1": stage1}
    return keras.Model(image, outputs, name=name)


@dataclasses.dataclass(frozen=True)
class _Blocks:
    """The parts of the three stages; each method makes layers and returns a callable.

    Attributes:
        widths: channels of the three levels, finest first.
        slope: of the shared PReLU as a tensor of the graph, None for ReLU.
    """

    widths: tuple[int, int, int]
    num_level_cabs: int
    reduction: int
    stem_stride: int
    slope: object
    recompute: bool

    def cabs(self, filters: int, count: int, prefix: str) -> Callable:
        """A chain of channel attention blocks."""
        chain = [
            ResidualChannelAttention(
                filters,
                self.reduction,
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
        if self.stem_stride == 1:
            conv = _conv(self.widths[0], 3, name)
        else:
            conv = whitening_convolution(self.widths[0], self.stem_stride, name=name)
        cab = self.cabs(self.widths[0], 1, f"{stage}_shallow")
        return lambda image: cab(conv(image))

    def levels(self, prefix: str) -> list[Callable]:
        return [
            self.cabs(width, self.num_level_cabs, f"{prefix}_level{i + 1}")
            for i, width in enumerate(self.widths)
        ]

    def encoder(self, prefix: str, fused: bool = False) -> Callable:
        """Features -> three levels; fused with an earlier stage's six if asked."""
        levels = self.levels(prefix)
        halve = keras.layers.AveragePooling2D(2, name=f"{prefix}_halve")
        downs = [_conv(self.widths[i], 1, f"{prefix}_down{i}{i + 1}") for i in (1, 2)]
        fusions = [
            [
                _conv(width, 1, f"{prefix}_csff_{side}{i + 1}")
                for i, width in enumerate(self.widths)
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
        levels = self.levels(prefix)
        skips = [self.cabs(self.widths[i], 1, f"{prefix}_skip{i + 1}") for i in (0, 1)]
        ups = [_conv(self.widths[i], 1, f"{prefix}_up{i + 2}{i + 1}") for i in (0, 1)]
        double = Upsample(name=f"{prefix}_double")

        def apply(level1, level2, level3):
            third = levels[2](level3)
            second = levels[1](_add(double(ups[1](third)), skips[1](level2)))
            first = levels[0](_add(double(ups[0](second)), skips[0](level1)))
            return first, second, third

        return apply

    def context(self, encoded, decoded, level: int, filters: int):
        """What stage 3 takes from one level of stage 2, at the finest resolution.

        Every 1x1 convolution of the way up stands before the up-sampling, so the
        sum of both sides is up-sampled once.
        """
        widths = [*self.widths[:level][::-1], filters]
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


def _conv(filters: int, kernel_size: int, name: str):
    return keras.layers.Conv2D(
        filters, kernel_size, padding="same", use_bias=False, name=name
    )


def _add(*tensors):
    return keras.layers.Add()(tensors)


def _concat(*tensors):
    return keras.layers.Concatenate()(tensors)
