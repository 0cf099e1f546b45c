"""The named sizes of the networks, and how one is built.

A variant says all that a network's weights depend on; how its graph is laid out
(fixed size, patches apart, recomputation) is said when it is built.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import keras

from egnet_tf.errors import InputError
from egnet_tf.models.dmphn import dmphn
from egnet_tf.models.egn import EGNConfig, egnet
from egnet_tf.models.mimo_unet import mimo_unet
from egnet_tf.models.mprnet import mprnet
from egnet_tf.models.self_ensemble import self_ensemble

# What an image's height and width must be multiples of, at a stem of stride 1.
_BACKBONES = {
    "mprnet": (mprnet, 8),
    "dmphn": (dmphn, 16),
    "mimo_unet": (mimo_unet, 4),
}


@dataclasses.dataclass(frozen=True)
class Variant:
    """All that the weights of a network depend on.

    Attributes:
        backbone: "mprnet", "dmphn" or "mimo_unet".
        options: hyper-parameters of the backbone's builder.
        egn: of the EGN between encoders and decoders; None for the plain backbone.
        ensemble_features: channels of the self-ensemble network.
    """

    backbone: str
    options: Mapping[str, object] = dataclasses.field(default_factory=dict)
    egn: EGNConfig | None = None
    ensemble_features: int = 64

    @property
    def size_multiple(self) -> int:
        """What height and width of the network's input must be multiples of."""
        return _BACKBONES[self.backbone][1] * self._stem_stride

    @property
    def _stem_stride(self) -> int:
        return self.options.get("stem_stride", 1)

    def to_json(self) -> dict:
        """As plain dictionaries."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict) -> Variant:
        """The variant that `to_json` wrote down."""
        egn = values["egn"] and EGNConfig(**values["egn"])
        return cls(**{**values, "egn": egn})


VARIANTS = {
    # The paper's network: 26.6 M parameters with EGN and the self-ensemble.
    "egnet": Variant(
        "mprnet", egn=EGNConfig(filters=116, num_modules=3, key_filters=32)
    ),
    "mprnet": Variant("mprnet"),
    "dmphn": Variant("dmphn"),
    "mimo_unet": Variant("mimo_unet"),
    "mimo_unet_plus": Variant("mimo_unet", options={"num_blocks": 20}),
    # The paper names DMPHN as another home of EGN and gives no size. Here EGN has the
    # share it has in `egnet`: a third of the backbone's parameters.
    "dmphn_egn": Variant(
        "dmphn", egn=EGNConfig(filters=56, num_modules=2, key_filters=16)
    ),
    "mimo_unet_egn": Variant(
        "mimo_unet", egn=EGNConfig(filters=96, num_modules=3, key_filters=32)
    ),
    # Trains in minutes on a laptop: features at a quarter of the resolution.
    "egnet_tiny": Variant(
        "mprnet",
        options={
            "num_features": 32,
            "unet_features": 16,
            "orsnet_features": 8,
            "num_cabs": 2,
            "num_level_cabs": 1,
            "stem_stride": 4,
        },
        egn=EGNConfig(
            filters=32,
            num_modules=2,
            key_filters=8,
            gate="sigmoid",
            position_residual=True,
        ),
        ensemble_features=16,
    ),
    # For a phone: 2.3 M parameters, 2.1 G multiply-adds a tile of 256 x 256. 64 keys a
    # tile, because a softmax over a thousand rounds to zero in 8 bits. What else was
    # tried: docs/mobile.md.
    "egnet_mobile": Variant(
        "mprnet",
        options={
            "num_features": 32,
            "unet_features": 32,
            "orsnet_features": 0,
            "num_cabs": 1,
            "num_level_cabs": 1,
            "stem_stride": 4,
            "activation": "relu",
        },
        egn=EGNConfig(
            filters=56,
            num_modules=1,
            key_filters=16,
            gate="sigmoid",
            position_residual=True,
            position_scaled=True,
            key_pool=2,
            block=None,
        ),
        ensemble_features=16,
    ),
    # The smallest network with every part in it, for tests.
    "egnet_testing": Variant(
        "mprnet",
        options={
            "num_features": 4,
            "unet_features": 2,
            "orsnet_features": 2,
            "num_cabs": 1,
            "num_level_cabs": 1,
        },
        egn=EGNConfig(filters=4, num_modules=1, key_filters=2),
        ensemble_features=4,
    ),
}


def variant(name: str) -> Variant:
    """The variant of that name.

    Raises:
        InputError: there is none.
    """
    if name not in VARIANTS:
        raise InputError(
            f"Expected a variant of {', '.join(VARIANTS)}. Received: {name}"
        )
    return VARIANTS[name]


def build(which: str | Variant, **layout) -> keras.Model:
    """Builds a network with new weights.

    Args:
        which: a variant or its name.
        **layout: `image_size`, `batch_size`, `stack_patches`, `recompute`, `name`:
            see `egnet_tf.models.mprnet`.

    Returns:
        A functional model: float32 (B, H, W, 3) in [0, 1] -> restored images by
        stage, float32; the `finest` is (B, H, W, 3), for the others see the backbone.
        Height and width must be multiples of the variant's `size_multiple`.

    Raises:
        InputError: no variant has that name.
    """
    chosen = variant(which) if isinstance(which, str) else which
    builder, _ = _BACKBONES[chosen.backbone]
    return egnet(
        builder,
        chosen.egn,
        image_stride=4 * chosen._stem_stride,
        **{"name": "egnet" if chosen.egn else chosen.backbone, **layout},
        **chosen.options,
    )


def build_ensemble(which: str | Variant, num_branches: int = 3) -> keras.Model:
    """Builds the self-ensemble network of a variant, with new weights.

    Args:
        which: a variant or its name.
        num_branches: how many restorations it fuses.

    Returns:
        See `egnet_tf.models.self_ensemble`.
    """
    chosen = variant(which) if isinstance(which, str) else which
    return self_ensemble(num_branches, chosen.ensemble_features)
