"""Builds the networks of a variant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from egnet_tf.models.dmphn import dmphn
from egnet_tf.models.egn import Enhancer
from egnet_tf.models.layout import Layout
from egnet_tf.models.mimo_unet import mimo_unet
from egnet_tf.models.mprnet import mprnet
from egnet_tf.models.nafnet import nafnet
from egnet_tf.models.results import results
from egnet_tf.models.self_ensemble import self_ensemble
from egnet_tf.models.variants import Variant, variant

_BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "mprnet": mprnet,
    "dmphn": dmphn,
    "mimo_unet": mimo_unet,
    "nafnet": nafnet,
    "results": results,
}


def build(
    which: str | Variant, *, name: str | None = None, **layout: Any
) -> keras.Model:
    """Builds a network with new weights.

    Args:
        which: a variant or its name.
        name: of the model; by default "egnet", or the backbone's without EGN.
        **layout: the fields of `egnet_tf.models.layout.Layout`: `attention_block`,
            `stack_patches`, `recompute`, `image_size`, `batch_size`, ... They change
            the graph, never the weights.

    Returns:
        A functional model: float32 (B, H, W, 3) in [0, 1] -> restored images by
        stage, float32; the `finest` is (B, H, W, 3), for the others see the backbone.
        Height and width must be multiples of the variant's `size_multiple`. The
        layers whose names start with "egn_" are EGN's, and only they.

    Raises:
        InputError: no variant has that name.
        ValueError: a fixed image size is not a multiple.
    """
    chosen = variant(which) if isinstance(which, str) else which
    backbone, egn, laid_out = chosen.backbone, chosen.egn, Layout(**layout)
    enhance = egn and Enhancer(
        egn, backbone.egn_stride, laid_out.recompute, laid_out.attention_block
    )
    name = name or ("egnet" if egn else backbone.name)
    return _BUILDERS[backbone.name](backbone, laid_out, enhance, name)


def build_ensemble(which: str | Variant, num_branches: int = 3) -> keras.Model:
    """Builds the self-ensemble network of a variant, with new weights.

    It fuses `num_branches` restorations, see `egnet_tf.models.self_ensemble`.
    """
    chosen = variant(which) if isinstance(which, str) else which
    return self_ensemble(
        num_branches, chosen.ensemble_features, chosen.ensemble_blocks == "shared"
    )
