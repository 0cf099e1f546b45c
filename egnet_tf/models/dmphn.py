"""DMPHN (1-2-4-8): a backbone of four stages that never leaves the patch hierarchy.

Written from Zhang et al., "Deep Stacked Hierarchical Multi-Patch Network for Image
Deblurring", CVPR 2019, section 3: eight patches, four, two and the whole image,
each level with an encoder and a decoder of its own. What a level finds is added to
the image and to the features of the next finer one.

We count stages in the order of their work, as everywhere here: stage 1 is the level
of eight patches, the paper's level 4, and stage 4 that of the whole image.
"""

from __future__ import annotations

from collections.abc import Callable

import keras

from egnet_tf.layers import (
    Patches,
    ResidualBlock,
    doubling_convolution,
    halving_convolution,
)

# Patches of a quarter of the image's height, halved twice by an encoder.
SIZE_MULTIPLE = 16

# How the whole is cut into halves, quarters and eighths.
_CUTS = ("height", "width", "height")
_BLOCKS = 2


def dmphn(
    num_features: int = 32,
    enhance: Callable | None = None,
    image_size: tuple[int | None, int | None] = (None, None),
    batch_size: int | None = None,
    stack_patches: bool = True,
    recompute: bool = False,
    name: str = "dmphn",
) -> keras.Model:
    """Builds the four-stage network; with the defaults, 7,232,524 parameters.

    Args:
        num_features: channels at the finest scale of encoders and decoders; twice
            and four times as many at the two coarser ones.
        enhance: called as enhance(stage, features, image) -> features between the
            joined features of each stage and its decoder. `features` are at 1/4 of
            the resolution of `image`: quarters of the blurry image in stage 1, its
            halves in stage 2, all of it in stages 3 and 4. The next stage takes the
            features as they were.
        image_size: (height, width), None where it is to stay open. Multiples of 16.
        batch_size: a fixed batch size, for export.
        stack_patches: False keeps patches apart, see `egnet_tf.layers.patches`.
        recompute: keep only the inputs of the residual blocks for the gradient.
        name: of the model.

    Returns:
        A functional model: float32 (B, H, W, 3) in [0, 1] -> {"stage4": float32
        (B, H, W, 3), not clipped}. The last residual is not added to the input, as
        in the publication: a new model does not return its input.

    Raises:
        ValueError: a fixed image size is not a multiple.
    """
    if any(side is not None and side % SIZE_MULTIPLE for side in image_size):
        raise ValueError(
            f"Height and width must be multiples of {SIZE_MULTIPLE}. "
            f"Received: {image_size}"
        )
    image = keras.Input((*image_size, 3), batch_size=batch_size, name="image")
    levels = [Patches.whole(image, stacked=stack_patches)]
    for axis in _CUTS:
        levels.append(levels[-1].halve(axis))
    centre = keras.layers.Rescaling(1.0, offset=-0.5, dtype="float32", name="centre")

    def enhanced(stage: int, features: Patches, images: Patches) -> Patches:
        if enhance is None:
            return features
        return features.map(lambda f, p: enhance(stage, f, p), images)

    features = residual = None
    for stage, level in enumerate((3, 2, 1, 0), start=1):
        # === Encode the patches of one level, corrected by the stage before ===
        images = levels[level].map(centre)
        if residual:
            add = _add(f"stage{stage}_corrected", dtype="float32")
            images = images.map(add, residual)
        encoded = images.map(_encoder(num_features, recompute, f"stage{stage}"))
        if features:
            encoded = encoded.map(_add(f"stage{stage}_features"), features)

        # === Decode the next level's: a residual of its patches ===
        features = encoded.join(_CUTS[level - 1]) if level else encoded
        decode = _decoder(num_features, recompute, f"stage{stage}")
        covered = levels[max(0, level - 1)]
        residual = enhanced(stage, features, covered).map(decode)

    restored = keras.layers.Rescaling(1.0, offset=0.5, dtype="float32", name="restored")
    return keras.Model(image, {"stage4": restored(residual.tensor)}, name=name)


def _encoder(filters: int, recompute: bool, stage: str) -> Callable:
    """Image -> features at a quarter of its resolution, 4 * filters channels."""
    prefix = f"{stage}_encoder"
    chain = [keras.layers.Conv2D(filters, 3, padding="same", name=f"{prefix}_conv")]
    chain += _blocks(filters, recompute, f"{prefix}_scale1")
    for scale in (2, 3):
        filters *= 2
        chain.append(halving_convolution(filters, f"{prefix}_down{scale - 1}{scale}"))
        chain += _blocks(filters, recompute, f"{prefix}_scale{scale}")
    return _in_a_row(chain)


def _decoder(filters: int, recompute: bool, stage: str) -> Callable:
    """Features at a quarter of the resolution -> a residual of the image."""
    prefix = f"{stage}_decoder"
    chain = _blocks(4 * filters, recompute, f"{prefix}_scale3")
    for scale in (2, 1):
        width = filters * scale
        chain.append(doubling_convolution(width, f"{prefix}_up{scale + 1}{scale}"))
        chain += _blocks(width, recompute, f"{prefix}_scale{scale}")
    chain.append(keras.layers.Conv2D(3, 3, padding="same", name=f"{prefix}_conv"))
    return _in_a_row(chain)


def _blocks(filters: int, recompute: bool, prefix: str) -> list[Callable]:
    return [
        ResidualBlock(filters, recompute=recompute, name=f"{prefix}_block{i + 1}")
        for i in range(_BLOCKS)
    ]


def _in_a_row(layers: list[Callable]) -> Callable:
    def apply(x):
        for layer in layers:
            x = layer(x)
        return x

    return apply


def _add(name: str, dtype=None) -> Callable:
    add = keras.layers.Add(name=name, dtype=dtype)
    return lambda *tensors: add(tensors)
