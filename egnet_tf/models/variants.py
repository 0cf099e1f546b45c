"""The named variants of the networks.

A variant is all that a network's weights depend on, and the tiles that it restores in:
pure data, importable without TensorFlow. `egnet_tf.models.build` makes the network.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from egnet_tf.errors import InputError
from egnet_tf.models.configs import (
    BACKBONES,
    BLOCKS,
    BackboneConfig,
    Config,
    DMPHNConfig,
    EGNConfig,
    MIMOUNetConfig,
    MPRNetConfig,
    NAFNetConfig,
    ResultsConfig,
    choice,
    number,
)


@dataclasses.dataclass(frozen=True)
class Variant(Config):
    """All that the weights of a network depend on, and how it restores by default.

    Attributes:
        backbone: the hyper-parameters of the backbone; their class says which.
        egn: those of the EGN between encoders and decoders; None for the plain
            backbone.
        ensemble_features: channels of the self-ensemble network.
        ensemble_blocks: the blocks of Eq. 10, one for each branch ("separate") or one
            for all ("shared").
        tile: side of the tiles in pixels in which networks restore unless they are
            told otherwise, smaller images too, padded; 0 is for whole images. The
            weights do not depend on it.
    """

    backbone: BackboneConfig
    egn: EGNConfig | None = None
    ensemble_features: int = number(1, 1024, 64)
    ensemble_blocks: str = choice(BLOCKS, "separate")
    tile: int = number(0, 8192, 0)

    @property
    def size_multiple(self) -> int:
        """Height and width of the network's input must be multiples of it."""
        return self.backbone.size_multiple

    @property
    def fewest_parameters(self) -> int:
        """A lower bound of the number of the network's weights."""
        egn = self.egn.fewest_parameters if self.egn else 0
        return self.backbone.fewest_parameters + egn

    def to_json(self) -> dict[str, Any]:
        """As plain dictionaries, the backbone with its name."""
        values = dataclasses.asdict(self)
        return {
            **values,
            "backbone": {"name": self.backbone.name, **values["backbone"]},
        }

    @classmethod
    def from_json(cls, values: Any) -> Variant:
        """The variant that `to_json` wrote down.

        Raises:
            InputError: unknown or missing keys, values of another type or out of
                range; nothing has been built yet.
        """
        cls.check_keys(values)
        backbone, egn = values["backbone"], values.get("egn")
        name = backbone.get("name") if isinstance(backbone, dict) else None
        if not isinstance(name, str) or name not in BACKBONES:
            raise InputError(
                f"Expected a backbone whose name is one of {', '.join(BACKBONES)}. "
                f"Received: {backbone!r:.60}"
            )
        backbone = {key: value for key, value in backbone.items() if key != "name"}
        return cls(
            **{
                **values,
                "backbone": BACKBONES[name].from_json(backbone),
                "egn": None if egn is None else EGNConfig.from_json(egn),
            }
        )


VARIANTS = {
    # The paper's network: 26.6 M parameters with EGN and the self-ensemble.
    "egnet": Variant(
        MPRNetConfig(), egn=EGNConfig(filters=116, num_modules=3, key_filters=32)
    ),
    "mprnet": Variant(MPRNetConfig()),
    "dmphn": Variant(DMPHNConfig()),
    "mimo_unet": Variant(MIMOUNetConfig()),
    "mimo_unet_plus": Variant(MIMOUNetConfig(num_blocks=20)),
    "nafnet": Variant(NAFNetConfig()),
    # The baseline of `egnet_mobile`: 2.5 M parameters, 2.3 G multiply-adds.
    "nafnet_mobile": Variant(NAFNetConfig(num_features=12)),
    # The paper names DMPHN as another backbone for EGN and gives no size. Here EGN has
    # the share that it has in `egnet`: a third of the backbone's parameters.
    "dmphn_egn": Variant(
        DMPHNConfig(), egn=EGNConfig(filters=56, num_modules=2, key_filters=16)
    ),
    "mimo_unet_egn": Variant(
        MIMOUNetConfig(), egn=EGNConfig(filters=96, num_modules=3, key_filters=32)
    ),
    # Trains in minutes on a laptop: features at a quarter of the resolution.
    "egnet_tiny": Variant(
        MPRNetConfig(
            num_features=32,
            unet_features=16,
            orsnet_features=8,
            num_cabs=2,
            num_level_cabs=1,
            stem_stride=4,
        ),
        egn=EGNConfig(
            filters=32,
            num_modules=2,
            key_filters=8,
            gate="sigmoid",
            position_residual=True,
        ),
        ensemble_features=16,
    ),
    # For a phone: 2.3 M parameters, 2.1 G multiply-adds per tile of 256 x 256. 64 keys
    # per tile, because a softmax over a thousand rounds to zero in 8 bits. What else
    # was tried: docs/experiments/mobile_network.md.
    "egnet_mobile": Variant(
        MPRNetConfig(
            num_features=32,
            unet_features=32,
            orsnet_features=0,
            num_cabs=1,
            num_level_cabs=1,
            stem_stride=4,
            activation="relu",
        ),
        egn=EGNConfig(
            filters=56,
            num_modules=1,
            key_filters=16,
            gate="sigmoid",
            position_residual=True,
            position_scaled=True,
            key_pool=2,
            patches="joined",
        ),
        ensemble_features=16,
        # Those of the .tflite files. Trained on crops, it gains more on GoPro's pairs
        # in tiles than on whole images (docs/deblur.md).
        tile=256,
    ),
    # The smallest network with every part in it, for tests.
    "egnet_testing": Variant(
        MPRNetConfig(
            num_features=4,
            unet_features=2,
            orsnet_features=2,
            num_cabs=1,
            num_level_cabs=1,
        ),
        egn=EGNConfig(filters=4, num_modules=1, key_filters=2),
        ensemble_features=4,
    ),
}


RESULTS = Variant(ResultsConfig())
"""What a run on the dataset `results` trains: a self-ensemble of given images."""


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
