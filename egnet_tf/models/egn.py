"""The Enhanced Gradient Network (EGN), section 3.1 and Figure 2 of the paper.

    gradient map (Eq. 15) of the image --> conv, to the features' resolution
                                         |
                                         v
    encoder --> features --+--> concatenate --> conv --> num_modules EGMs --> conv
                           |                                                    |
    decoder <------------- + <--------------------------------------------------+

    EGM: --> RCA --> RSA --> PA -->        each begins with y = conv(ReLU(conv(x)))

    RCA    x + y * conv(ReLU(conv(mean of y over positions)))                Eq. 2-3
    RSA    x + y * sigmoid(conv(mean and maximum of y over channels))        Eq. 4
    PA     L4(softmax(q k) v),  q, k, v = L1, L2, L3 of conv(y)              Eq. 5-9

What the paper leaves open and what we decided: docs/paper.md.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from egnet_tf.layers import (
    GradientMap,
    Patches,
    PositionAttention,
    ResidualChannelAttention,
    ResidualSpatialAttention,
)
from egnet_tf.models.configs import EGNConfig


@keras.saving.register_keras_serializable(package="egnet_tf")
class ImplicitInput(keras.layers.Layer):
    """A learned vector in place of the gradient map: the other rows of Table 3.

    After YOLOR (Wang et al. 2021), which the paper names: one value per channel, drawn
    from N(0, stddev) and added, or drawn from N(1, stddev) and multiplied.

    Args:
        mode: "add" or "mul".
        stddev: standard deviation of the initial values; 0.02 and 0.2 in Table 3.

    Call: (B, H, W, C) -> (B, H, W, C).
    """

    def __init__(self, mode: str, stddev: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mode = mode
        self.stddev = stddev

    def build(self, input_shape: Any) -> None:
        self.implicit = self.add_weight(
            name="implicit",
            shape=(1, 1, 1, input_shape[-1]),
            initializer=keras.initializers.RandomNormal(
                mean=0.0 if self.mode == "add" else 1.0, stddev=self.stddev
            ),
        )
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        implicit = tf.convert_to_tensor(self.implicit)
        return x + implicit if self.mode == "add" else x * implicit

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape)


class Enhancer:
    """The `enhance` of a backbone: one EGN per stage, made when the stage first asks.

        gradient = enhance.gradient_map(image)
        features = enhance(1, features, gradient)

    Args:
        config: of every EGN.
        image_stride: pixels of the image per position of the features, along each
            side: 4 where the features have been halved twice.
        recompute: see `ResidualChannelAttention`.
        attention_block: see `PositionAttention`.

    Attributes:
        gradient_map: the layer of Eq. 15. A network has one map, that of its whole
            image, so that all patches and stages see an edge at one brightness.
        apart: whether the encoder's patches are enhanced before they are joined.
    """

    def __init__(
        self,
        config: EGNConfig,
        image_stride: int = 4,
        recompute: bool = False,
        attention_block: int | None = 1024,
    ) -> None:
        self.gradient_map = GradientMap(config.gradient_normalise, name="gradient_map")
        self.apart = config.patches == "apart"
        self._config = config
        self._options = (image_stride, recompute, attention_block)
        self._networks: dict[int, keras.Model] = {}

    def __call__(self, stage: int, features: Any, gradient: Any) -> Any:
        """Enhances the features between the encoder and the decoder of one stage.

        Args:
            stage: 1, 2, ...
            features: (B, h, w, C), as what is returned: equal to it in a new model.
            gradient: the gradient map of the same part of the image,
                (B, image_stride * h, image_stride * w, 3).
        """
        if stage not in self._networks:
            self._networks[stage] = egn(
                features.shape[-1],
                self._config,
                *self._options,
                name=f"egn_stage{stage}",
            )
        network = self._networks[stage]
        uses_gradient = self._config.input == "gradient"
        return network([features, gradient] if uses_gradient else features)


def enhance_patches(
    enhance: Enhancer | None,
    stage: int,
    encoded: Patches,
    joined: Patches,
    gradient: Any,
    outputs: dict | None = None,
) -> Patches:
    """Enhances the features of a stage's patches, before or after they are joined.

    Args:
        enhance: None returns `joined`.
        stage: 1, 2, ...
        encoded: the encoder's coarsest features.
        joined: those of the decoder's patches, of which each is two of the encoder's,
            or the same.
        gradient: the gradient map of the whole image, which is cut like the features.
        outputs: where the features of the whole image before and after are put, as
            "egn_stage<n>_before" and "egn_stage<n>_after"; None for nowhere.
    """
    if enhance is None:
        return joined
    features = encoded if enhance.apart else joined
    maps = Patches.whole(gradient, stacked=features.stacked).cut(features.cuts)
    enhanced = features.map(lambda x, part: enhance(stage, x, part), maps)
    if outputs is not None:
        outputs[f"egn_stage{stage}_before"] = features.join_all()
        outputs[f"egn_stage{stage}_after"] = enhanced.join_all()
    return enhanced.join() if enhanced.count > joined.count else enhanced


def egn(
    num_features: int,
    config: EGNConfig,
    image_stride: int = 4,
    recompute: bool = False,
    attention_block: int | None = 1024,
    name: str = "egn",
) -> keras.Model:
    """Builds one EGN; the identity on its features until it is trained.

    The gradient map comes to the features' resolution by one convolution of
    image_stride x image_stride pixels with that stride; features and map are joined
    and brought to `config.filters` channels; the EGMs follow; a last convolution,
    zero at the start, leads back and is added to the features. The other arguments are
    those of `Enhancer`.

    Returns:
        A functional model [features (B, h, w, num_features), gradient map
        (B, H, W, 3)] -> (B, h, w, num_features); of the features alone with an
        implicit input.
    """
    features = keras.Input((None, None, num_features), name="features")
    if config.input == "gradient":
        gradient = keras.Input((None, None, 3), name="gradient")
        inputs = [features, gradient]
        embedded = _conv(
            config.filters, image_stride, name="embed", strides=image_stride
        )(gradient)
        x = keras.layers.Concatenate(name="join")([features, embedded])
    else:
        inputs = features
        mode = config.input.removeprefix("implicit_")
        x = ImplicitInput(mode, config.implicit_stddev, name="implicit")(features)
    x = _conv(config.filters, 3, name="enter")(x)
    for i in range(config.num_modules):
        prefix = f"egm{i + 1}"
        if config.attention:
            x = _attentions(x, config, recompute, attention_block, prefix)
        else:
            x = _convolutions(x, config.filters, prefix)
    x = _conv(num_features, 3, name="leave", kernel_initializer="zeros")(x)
    enhanced = keras.layers.Add(name="enhanced")([features, x])
    return keras.Model(inputs, enhanced, name=name)


def _attentions(
    x: Any,
    config: EGNConfig,
    recompute: bool,
    attention_block: int | None,
    prefix: str,
) -> Any:
    """An EGM: RCA, RSA and PA, one after the other."""
    filters = config.filters
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
        block=attention_block,
        name=f"{prefix}_pa",
    )(x)


def _convolutions(x: Any, filters: int, prefix: str) -> Any:
    """The convolutions of an EGM without its attention, column "w/o A" of Table 3."""
    for part, depth in (("rca", 2), ("rsa", 2), ("pa", 3)):
        y = x
        for i in range(depth):
            y = _conv(filters, 3, name=f"{prefix}_{part}_conv{i + 1}")(y)
            if i == 0:
                y = keras.layers.ReLU(name=f"{prefix}_{part}_relu")(y)
        x = keras.layers.Add(name=f"{prefix}_{part}")([x, y])
    return x


def _conv(filters: int, kernel_size: int, **kwargs: Any):
    kwargs = {"padding": "same", "use_bias": False, **kwargs}
    return keras.layers.Conv2D(filters, kernel_size, **kwargs)
