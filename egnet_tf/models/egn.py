"""The Enhanced Gradient Network (EGN), section 3.1 and Figure 2 of the paper.

EGN stands between an encoder and a decoder. Beside the features it takes the
gradient map of the image (Eq. 15), and passes both through several enhanced
gradient modules (EGM): residual channel attention, residual spatial attention and
position attention (Eq. 2-9), one after the other.

What the paper leaves open and what stands here: docs/paper.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

from egnet_tf.layers import (
    GradientMap,
    PositionAttention,
    ResidualChannelAttention,
    ResidualSpatialAttention,
)

INPUTS = ("gradient", "implicit_add", "implicit_mul")


@keras.saving.register_keras_serializable(package="egnet_tf")
class ImplicitInput(keras.layers.Layer):
    """A learned vector in the place of the gradient map: the other rows of Table 3.

    After YOLOR (Wang et al. 2021), which the paper names: one value a channel, drawn
    from N(0, stddev) and added, or from N(1, stddev) and multiplied.

    Args:
        mode: "add" or "mul".
        stddev: of the draw; 0.02 and 0.2 in Table 3.

    Call: (B, H, W, C) -> (B, H, W, C).
    """

    def __init__(self, mode: str, stddev: float, **kwargs):
        super().__init__(**kwargs)
        self.mode = mode
        self.stddev = stddev

    def build(self, input_shape):
        self.implicit = self.add_weight(
            name="implicit",
            shape=(1, 1, 1, input_shape[-1]),
            initializer=keras.initializers.RandomNormal(
                mean=0.0 if self.mode == "add" else 1.0, stddev=self.stddev
            ),
        )
        self.built = True

    def call(self, x):
        implicit = tf.convert_to_tensor(self.implicit)
        return x + implicit if self.mode == "add" else x * implicit

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "mode": self.mode, "stddev": self.stddev}


@dataclasses.dataclass(frozen=True)
class EGNConfig:
    """The hyper-parameters of one EGN.

    Attributes:
        filters: channels inside.
        num_modules: EGMs in a row ("several" in the paper).
        input: "gradient", "implicit_add" or "implicit_mul" (Table 3).
        implicit_stddev: of the implicit input.
        attention: False replaces the attention modules by their plain convolutions
            (column "w/o A" of Table 3).
        key_filters: channels of queries and keys.
        gate: of the channel attention; "linear" is Eq. 3 as printed, which shows no
            sigmoid.
        position_residual: add the input of the position attention to its output;
            Eq. 9 as printed does not.
        position_scaled: divide the products of Eq. 8 by sqrt(key_filters).
        key_pool: see `PositionAttention`.
        block: see `PositionAttention`.
    """

    filters: int
    num_modules: int
    input: str = "gradient"
    implicit_stddev: float = 0.02
    attention: bool = True
    key_filters: int = 32
    gate: str = "linear"
    position_residual: bool = False
    position_scaled: bool = False
    key_pool: int = 1
    block: int | None = 1024

    def __post_init__(self):
        if self.input not in INPUTS:
            raise ValueError(
                f"The input of EGN must be one of {INPUTS}. Received: {self.input!r}"
            )


class Enhancer:
    """The `enhance` of a backbone: one EGN a stage, made when the stage first asks.

    Args:
        config: of every EGN.
        image_stride: pixels of the image a position of the features (4 for all
            backbones here, times the stride of the stem).
        recompute: see `ResidualChannelAttention`.
    """

    def __init__(self, config: EGNConfig, image_stride: int, recompute: bool = False):
        self._config = config
        self._image_stride = image_stride
        self._recompute = recompute
        self._networks: dict[int, keras.Model] = {}

    def __call__(self, stage: int, features, image):
        """Enhances the features between the encoder and the decoder of one stage.

        Args:
            stage: 1, 2, ...
            features: (B, h, w, C).
            image: (B, image_stride * h, image_stride * w, 3) in [0, 1].

        Returns:
            (B, h, w, C); equal to `features` in a new model.
        """
        if stage not in self._networks:
            self._networks[stage] = egn(
                features.shape[-1],
                self._config,
                self._image_stride,
                recompute=self._recompute,
                name=f"egn_stage{stage}",
            )
        return self._networks[stage]([features, image])


def egn(
    num_features: int,
    config: EGNConfig,
    image_stride: int,
    recompute: bool = False,
    name: str = "egn",
) -> keras.Model:
    """Builds one EGN; the identity on its features until it is trained.

    The gradient map comes to the features' resolution by one convolution of
    image_stride x image_stride pixels with that stride; features and map are joined
    and brought to `config.filters` channels; the EGMs follow; a last convolution,
    zero at the start, leads back and is added to the features.

    Args:
        num_features: channels of the features, in and out.
        config: the hyper-parameters.
        image_stride: pixels of the image a position of the features.
        recompute: see `ResidualChannelAttention`.
        name: of the model.

    Returns:
        A functional model [features (B, h, w, num_features), image (B, H, W, 3)]
        -> (B, h, w, num_features).
    """
    features = keras.Input((None, None, num_features), name="features")
    image = keras.Input((None, None, 3), name="image")
    if config.input == "gradient":
        gradient = _conv(
            config.filters, image_stride, name="embed", strides=image_stride
        )(GradientMap(name="gradient_map")(image))
        x = keras.layers.Concatenate(name="join")([features, gradient])
    else:
        mode = config.input.removeprefix("implicit_")
        x = ImplicitInput(mode, config.implicit_stddev, name="implicit")(features)
    x = _conv(config.filters, 3, name="enter")(x)
    for i in range(config.num_modules):
        x = _enhanced_gradient_module(x, config, recompute, prefix=f"egm{i + 1}")
    x = _conv(num_features, 3, name="leave", kernel_initializer="zeros")(x)
    enhanced = keras.layers.Add(name="enhanced")([features, x])
    return keras.Model([features, image], enhanced, name=name)


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
        image_stride: pixels of the image a position of the features that EGN sees.
        recompute: trade time for memory, block by block.
        name: of the model.
        **options: for the backbone.

    Returns:
        What the backbone returns: a model of the image whose outputs are the
        stages. The layers whose names start with "egn_" are EGN's, and only they.
    """
    enhance = egn and Enhancer(egn, image_stride, recompute)
    return backbone(enhance=enhance, recompute=recompute, name=name, **options)


def _enhanced_gradient_module(x, config: EGNConfig, recompute: bool, prefix: str):
    """RCA, RSA and PA in a row; without attention, their convolutions alone."""
    filters = config.filters
    if not config.attention:
        for part, depth in (("rca", 2), ("rsa", 2), ("pa", 3)):
            y = x
            for i in range(depth):
                y = _conv(filters, 3, name=f"{prefix}_{part}_conv{i + 1}")(y)
                if i == 0:
                    y = keras.layers.ReLU(name=f"{prefix}_{part}_relu")(y)
            x = keras.layers.Add(name=f"{prefix}_{part}")([x, y])
        return x
    x = ResidualChannelAttention(
        filters, gate=config.gate, recompute=recompute, name=f"{prefix}_rca"
    )(x)
    x = ResidualSpatialAttention(filters, recompute=recompute, name=f"{prefix}_rsa")(x)
    return PositionAttention(
        filters,
        key_filters=config.key_filters,
        value_filters=filters,
        residual=config.position_residual,
        scaled=config.position_scaled,
        key_pool=config.key_pool,
        block=config.block,
        name=f"{prefix}_pa",
    )(x)


def _conv(filters: int, kernel_size: int, **kwargs):
    kwargs = {"padding": "same", "use_bias": False, **kwargs}
    return keras.layers.Conv2D(filters, kernel_size, **kwargs)
