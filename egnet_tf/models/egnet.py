"""EGNet: a backbone with EGN between the encoders and decoders, Figure 1."""

from __future__ import annotations

from collections.abc import Callable

import keras

from egnet_tf.models.egn import EGNConfig, Enhancer


def egnet(
    backbone: Callable[..., keras.Model],
    egn: EGNConfig | None,
    image_stride: int = 4,
    recompute: bool = False,
    name: str = "egnet",
    **options,
) -> keras.Model:
    """Builds `backbone` with EGN in it; with `egn=None`, the backbone alone.

    Args:
        backbone: `mprnet`, `dmphn` or `mimo_unet`, or any builder that takes
            `enhance`.
        egn: the hyper-parameters of EGN.
        image_stride: pixels of the picture a position of the features that EGN sees.
        recompute: trade time for memory, block by block.
        name: of the model.
        **options: for the backbone.

    Returns:
        What the backbone returns: a model of the picture whose outputs are the
        stages. The layers whose names start with "egn_" are EGN's, and only they.
    """
    enhance = egn and Enhancer(egn, image_stride, recompute)
    return backbone(enhance=enhance, recompute=recompute, name=name, **options)
