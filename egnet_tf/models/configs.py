"""The hyper-parameters that a network's weights depend on.

One frozen dataclass per backbone, and one for EGN: pure data, importable without
TensorFlow, written to and read from `model.json`. How the graph is laid out is not
among them, see `egnet_tf.models.layout`.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from egnet_tf.errors import InputError

INPUTS = ("gradient", "implicit_add", "implicit_mul")
GATES = ("linear", "sigmoid")
PATCHES = ("apart", "joined")
BLOCKS = ("separate", "shared")
NORMALISERS = ("max", "minmax", "deviation", "fixed")
ACTIVATIONS = ("prelu", "relu")

_Config = TypeVar("_Config", bound="Config")
_TYPES = {"int": int, "float": float, "bool": bool, "str": str}


def number(lower: float, upper: float, default: Any = dataclasses.MISSING) -> Any:
    """A field of a `Config` whose value must lie in a range."""
    return dataclasses.field(default=default, metadata={"range": (lower, upper)})


def choice(choices: Sequence[str], default: str) -> Any:
    """A field of a `Config` whose value must be one of several strings."""
    return dataclasses.field(default=default, metadata={"choices": choices})


@dataclasses.dataclass(frozen=True)
class Config:
    """A dataclass whose numbers, strings and truth values are checked when it is made.

    Raises:
        InputError: a value has another type or lies out of its range.
    """

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            fits = type(value) is _TYPES.get(str(field.type), type(value))
            expected = f"of type {field.type}"
            if "range" in field.metadata:
                lower, upper = field.metadata["range"]
                fits = fits and lower <= value <= upper
                expected = f"of type {field.type} from {lower} to {upper}"
            elif "choices" in field.metadata:
                fits = fits and value in field.metadata["choices"]
                expected = f"as one of {', '.join(field.metadata['choices'])}"
            if not fits:
                raise InputError(
                    f"Expected {type(self).__name__}.{field.name} {expected}. "
                    f"Received: {value!r:.60}"
                )

    @classmethod
    def from_json(cls: type[_Config], values: Any) -> _Config:
        """Makes the config of a JSON object; absent keys take their defaults.

        Raises:
            InputError: see `check_keys`; or values as above.
        """
        cls.check_keys(values)
        return cls(**values)

    @classmethod
    def check_keys(cls, values: Any) -> None:
        """Checks that a value read from JSON is an object with the keys of the fields.

        Raises:
            InputError: it is no object, has other keys, or lacks one without a default.
        """
        if not isinstance(values, dict):
            raise InputError(
                f"Expected a JSON object for {cls.__name__}. Received: {values!r:.60}"
            )
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name, field in fields.items():
            if field.default is dataclasses.MISSING and name not in values:
                raise InputError(f"Expected {cls.__name__}.{name}. Received: none")
        for name in values:
            if name not in fields:
                raise InputError(
                    f"Expected {cls.__name__} of {', '.join(fields)}. "
                    f"Received: {name!r:.60}"
                )


@dataclasses.dataclass(frozen=True)
class BackboneConfig(Config, abc.ABC):
    """What the configs of all backbones have in common.

    Attributes:
        name: of the backbone, as in `model.json`.
        stride: pixels of the image per position of the finest features.
        size_multiple: height and width of the image must be multiples of it.
        egn_stride: pixels of the image per position of the features that EGN sees.
        fewest_parameters: a lower bound of the number of weights, which tells a
            config that does not belong to a file of weights before it is built.
    """

    name: ClassVar[str]
    _MULTIPLE: ClassVar[int]

    @property
    def stride(self) -> int:
        return 1

    @property
    def size_multiple(self) -> int:
        return self._MULTIPLE * self.stride

    @property
    def egn_stride(self) -> int:
        return 4 * self.stride

    @property
    @abc.abstractmethod
    def fewest_parameters(self) -> int: ...


@dataclasses.dataclass(frozen=True)
class MPRNetConfig(BackboneConfig):
    """MPRNet; the defaults are the published network of 20,127,073 parameters.

    Attributes:
        num_features: channels at the finest level of encoders and decoders.
        unet_features: channels that each of the two coarser levels adds.
        orsnet_features: channels that stage 3 adds to num_features.
        num_cabs: channel attention blocks in each of the three blocks of stage 3.
        num_level_cabs: channel attention blocks per level of encoders and decoders.
        reduction: of the channel attention.
        stem_stride: 1 is MPRNet. With s > 1 all features lie at 1/s of the
            resolution, behind a `whitening_convolution` of s x s pixels.
        activation: "prelu" (one slope for the whole network) or "relu".
    """

    name: ClassVar[str] = "mprnet"
    # Patches of half the image's side, halved twice by an encoder.
    _MULTIPLE: ClassVar[int] = 8

    num_features: int = number(1, 1024, 96)
    unet_features: int = number(0, 1024, 48)
    orsnet_features: int = number(0, 1024, 32)
    num_cabs: int = number(1, 32, 8)
    num_level_cabs: int = number(1, 32, 2)
    reduction: int = number(1, 1024, 4)
    stem_stride: int = number(1, 16, 1)
    activation: str = choice(ACTIVATIONS, "prelu")

    @property
    def widths(self) -> tuple[int, int, int]:
        """Channels of the three levels, finest first."""
        first, step = self.num_features, self.unet_features
        return first, first + step, first + 2 * step

    @property
    def stride(self) -> int:
        return self.stem_stride

    @property
    def fewest_parameters(self) -> int:
        # Each attention block has two 3x3 convolutions; two encoders, two decoders.
        levels = 4 * self.num_level_cabs * sum(width**2 for width in self.widths)
        stage3 = 3 * self.num_cabs * (self.num_features + self.orsnet_features) ** 2
        return 18 * (levels + stage3)


@dataclasses.dataclass(frozen=True)
class DMPHNConfig(BackboneConfig):
    """DMPHN (1-2-4-8); the default is the published network of 7,232,524 parameters.

    Attributes:
        num_features: channels at the finest scale of encoders and decoders; twice
            and four times as many at the two coarser ones.
    """

    name: ClassVar[str] = "dmphn"
    # Patches of a quarter of the image's height, halved twice by an encoder.
    _MULTIPLE: ClassVar[int] = 16

    num_features: int = number(1, 512, 32)

    @property
    def fewest_parameters(self) -> int:
        # Four levels of encoder and decoder, with two residual blocks per scale.
        return 4 * 2 * 2 * 18 * (1 + 4 + 16) * self.num_features**2


@dataclasses.dataclass(frozen=True)
class MIMOUNetConfig(BackboneConfig):
    """MIMO-UNet; the defaults are the published network of 6,807,171 parameters.

    Attributes:
        num_features: channels at full size; twice and four times as many at half and
            quarter size.
        num_blocks: residual blocks of each encoder and decoder; 20 for MIMO-UNet+,
            16,107,651 parameters.
    """

    name: ClassVar[str] = "mimo_unet"
    # Halved twice.
    _MULTIPLE: ClassVar[int] = 4

    num_features: int = number(2, 512, 32)
    num_blocks: int = number(1, 64, 8)

    @property
    def fewest_parameters(self) -> int:
        return 2 * self.num_blocks * 18 * (1 + 4 + 16) * self.num_features**2


@dataclasses.dataclass(frozen=True)
class NAFNetConfig(BackboneConfig):
    """NAFNet; the defaults are the published network of width 32 for GoPro.

    Attributes:
        num_features: channels at full size; twice as many at each coarser level.
        num_blocks: blocks of the last of the four levels of the encoder; one in each
            of the others, in the middle and in each level of the decoder.
    """

    name: ClassVar[str] = "nafnet"
    # Halved four times.
    _MULTIPLE: ClassVar[int] = 16

    num_features: int = number(1, 512, 32)
    num_blocks: int = number(1, 128, 28)

    @property
    def egn_stride(self) -> int:
        return 16

    @property
    def fewest_parameters(self) -> int:
        # A block has seven 1x1 convolutions' worth; 8 times the channels at that level.
        return self.num_blocks * 7 * (8 * self.num_features) ** 2


@dataclasses.dataclass(frozen=True)
class ResultsConfig(BackboneConfig):
    """No network: the images to fuse are results of other methods, see `results`."""

    name: ClassVar[str] = "results"
    _MULTIPLE: ClassVar[int] = 1

    @property
    def fewest_parameters(self) -> int:
        return 0


BACKBONES: dict[str, type[BackboneConfig]] = {
    config.name: config
    for config in (
        MPRNetConfig,
        DMPHNConfig,
        MIMOUNetConfig,
        NAFNetConfig,
        ResultsConfig,
    )
}


@dataclasses.dataclass(frozen=True)
class EGNConfig(Config):
    """The hyper-parameters of one EGN.

    Attributes:
        filters: channels inside.
        num_modules: EGMs in a row ("several" in the paper).
        input: "gradient", "implicit_add" or "implicit_mul" (Table 3).
        implicit_stddev: standard deviation of the implicit input's initial values.
        gradient_normalise: G of Eq. 15, see `egnet_tf.layers.NORMALISERS`.
        patches: enhance the encoder's patches "apart", before neighbours are joined
            for the decoder, or "joined".
        attention: False replaces the attention modules by their plain convolutions
            (column "w/o A" of Table 3).
        key_filters: channels of queries and keys.
        gate: of the channel attention; "linear" is Eq. 3 as printed, which shows no
            sigmoid.
        position_residual: add the input of the position attention to its output;
            Eq. 9 as printed does not.
        position_scaled: divide the products of Eq. 8 by sqrt(key_filters).
        key_pool: side of the square of positions over which keys and values of the
            position attention are averaged; 1 is the paper.
    """

    filters: int = number(1, 1024)
    num_modules: int = number(1, 32)
    input: str = choice(INPUTS, "gradient")
    implicit_stddev: float = number(0.0, 100.0, 0.02)
    gradient_normalise: str = choice(NORMALISERS, "fixed")
    patches: str = choice(PATCHES, "apart")
    attention: bool = True
    key_filters: int = number(1, 1024, 32)
    gate: str = choice(GATES, "linear")
    position_residual: bool = False
    position_scaled: bool = False
    key_pool: int = number(1, 64, 1)

    @property
    def fewest_parameters(self) -> int:
        """A lower bound of the number of weights."""
        # The 3x3 convolutions of RCA (2), RSA (2) and PA (3).
        return self.num_modules * 7 * 9 * self.filters**2
