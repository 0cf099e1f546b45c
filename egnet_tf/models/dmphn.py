"""DMPHN (1-2-4-8): a backbone of four stages on the patch hierarchy.

From Zhang et al., "Deep Stacked Hierarchical Multi-Patch Network for Image
Deblurring", CVPR 2019, section 3: eight patches, four, two and the whole image,
each level with an encoder and a decoder of its own. The residual of a level is added
to the images of the next level, and its features to the features there.

Stages are numbered in the order in which they run, as everywhere in this project:
stage 1 is the level of eight patches (level 4 of the publication), stage 4 that of the
whole image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from egnet_tf.layers import (
    Patches,
    ResidualBlock,
    doubling_convolution,
    halving_convolution,
)
from egnet_tf.models.configs import DMPHNConfig
from egnet_tf.models.egn import Enhancer, enhance_patches
from egnet_tf.models.layout import DEFAULT_LAYOUT, Layout

# How the image is cut into halves, quarters and eighths.
_CUTS = ("height", "width", "height")
_BLOCKS = 2


def dmphn(
    config: DMPHNConfig,
    layout: Layout = DEFAULT_LAYOUT,
    enhance: Enhancer | None = None,
    name: str = "dmphn",
) -> keras.Model:
    """Builds the four-stage network; with the default config, 7,232,524 parameters.

    `enhance(stage, features, gradient) -> features` is called between the encoder and
    the decoder of each stage. `features` are at 1/4 of the resolution of `gradient`,
    the gradient map: of the eighths in stage 1, then quarters, halves and the whole
    image with `enhance.apart`; otherwise of the quarters in stage 1, the halves in
    stage 2 and the whole image in stages 3 and 4. The next stage takes the features
    as they were before.

    Returns:
        A functional model: float32 (B, H, W, 3) in [0, 1] -> {"stage4": float32
        (B, H, W, 3), not clipped}. The last residual is not added to the input, as
        in the publication: a new model does not return its input.

    Raises:
        ValueError: a fixed image size is not a multiple of `config.size_multiple`.
    """
    image = layout.image_input(config.size_multiple)
    filters, recompute = config.num_features, layout.recompute
    egn_features: dict[str, Any] | None = {} if layout.features else None
    levels = [Patches.whole(image, stacked=layout.stack_patches)]
    for axis in _CUTS:
        levels.append(levels[-1].halve(axis))
    centre = keras.layers.Rescaling(1.0, offset=-0.5, dtype="float32", name="centre")

    gradient = enhance and enhance.gradient_map(image)
    features = residual = None
    for stage, level in enumerate((3, 2, 1, 0), start=1):
        # === Encode the patches of one level, corrected by the stage before ===
        images = levels[level].map(centre)
        if residual:
            add = _add(f"stage{stage}_corrected", dtype="float32")
            images = images.map(add, residual)
        encoded = images.map(_encoder(filters, recompute, f"stage{stage}"))
        if features:
            encoded = encoded.map(_add(f"stage{stage}_features"), features)

        # === Decode the patches of the next level: their residual ===
        features = encoded.join()
        decode = _decoder(filters, recompute, f"stage{stage}")
        enhanced = enhance_patches(
            enhance, stage, encoded, features, gradient, egn_features
        )
        residual = enhanced.map(decode)

    assert residual is not None  # Four stages have set it.
    restored = keras.layers.Rescaling(1.0, offset=0.5, dtype="float32", name="restored")
    outputs = {"stage4": restored(residual.tensor), **(egn_features or {})}
    return keras.Model(image, outputs, name=name)


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


def _add(name: str, dtype: str | None = None) -> Callable:
    add = keras.layers.Add(name=name, dtype=dtype)
    return lambda *tensors: add(tensors)
