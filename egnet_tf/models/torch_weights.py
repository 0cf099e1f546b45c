"""Weights of the backbones' PyTorch implementations, by their names there.

Our networks have the structure of the publications, so a checkpoint of a reference
implementation is taken over weight by weight. The tables say where each of our layers
finds its weights. PyTorch itself is not needed: a state dict is a mapping of names to
arrays.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import keras
import numpy as np

from egnet_tf.errors import InputError
from egnet_tf.layers import (
    ResidualBlock,
    ResidualChannelAttention,
    SharedSlope,
    SupervisedAttention,
)
from egnet_tf.models.configs import (
    BackboneConfig,
    DMPHNConfig,
    MIMOUNetConfig,
    MPRNetConfig,
)
from egnet_tf.models.networks import build
from egnet_tf.models.variants import Variant

State = Mapping[str, np.ndarray]

# Our layers -> modules there. Named groups count from 1 here and from 0 there; the
# first pattern that matches the whole name counts.
_MPRNET = {
    r"stage(\d)_shallow_conv": "shallow_feat{0}.0",
    r"stage(\d)_shallow_cab1": "shallow_feat{0}.1",
    r"(stage\d)_(\w+)_level(\d)_cab(?P<i>\d+)": "{0}_{1}.{1}_level{2}.{i}",
    r"(stage\d_encoder)_down(\d+)": "{0}.down{1}.down.1",
    r"(stage\d_decoder)_up(\d+)": "{0}.up{1}.up.1",
    r"(stage\d_decoder)_skip(\d)_cab1": "{0}.skip_attn{1}",
    r"stage2_encoder_csff_(enc|dec)oder(\d)": "stage2_encoder.csff_{0}{1}",
    r"stage3_orb(\d)_cab(?P<i>\d+)": "stage3_orsnet.orb{0}.body.{i}",
    r"stage3_orb(\d)_conv": "stage3_orsnet.orb{0}.body.{num_cabs}",
    r"stage3_(enc|dec)oder2_conv1": "stage3_orsnet.up_{0}1.up.1",
    r"stage3_(enc|dec)oder3_conv(?P<i>[12])": "stage3_orsnet.up_{0}2.{i}.up.1",
    r"stage3_(enc|dec)oder(\d)_conv\d": "stage3_orsnet.conv_{0}{1}",
    r"stage3_tail": "tail",
    r"(sam\d+|concat\d+|slope)": "{0}",
}

# Numbers of the layers of one level there, whose encoder and decoder are two files.
_DMPHN_LAYERS = {
    "encoder_conv": 1,
    "encoder_scale1_block1": 2,
    "encoder_scale1_block2": 3,
    "encoder_down12": 5,
    "encoder_scale2_block1": 6,
    "encoder_scale2_block2": 7,
    "encoder_down23": 9,
    "encoder_scale3_block1": 10,
    "encoder_scale3_block2": 11,
    "decoder_scale3_block1": 13,
    "decoder_scale3_block2": 14,
    "decoder_up32": 16,
    "decoder_scale2_block1": 17,
    "decoder_scale2_block2": 18,
    "decoder_up21": 20,
    "decoder_scale1_block1": 21,
    "decoder_scale1_block2": 22,
    "decoder_conv": 24,
}
# Stage 1 is their level 4.
_DMPHN = {
    f"stage{5 - level}_{ours}": f"{ours[:7]}_lv{level}.layer{number}"
    for level in (1, 2, 3, 4)
    for ours, number in _DMPHN_LAYERS.items()
}

_MIMO_UNET = {
    r"enter": "feat_extract.0.main.0",
    r"down12": "feat_extract.1.main.0",
    r"down23": "feat_extract.2.main.0",
    r"stage2_up": "feat_extract.3.main.0",
    r"stage3_up": "feat_extract.4.main.0",
    r"stage3_tail": "feat_extract.5.main.0",
    r"encoder(?P<i>\d)_block(?P<j>\d+)": "Encoder.{i}.layers.{j}",
    r"stage(?P<i>\d)_block(?P<j>\d+)": "Decoder.{i}.layers.{j}",
    r"stage(?P<i>[12])_tail": "ConvsOut.{i}.main.0",
    r"stage2_join": "Convs.0.main.0",
    r"stage3_join": "Convs.1.main.0",
    r"aff(?P<i>\d)_conv(?P<j>\d)": "AFFs.{i}.conv.{j}.main.0",
    # Their modules for the quarter size are number 1.
    r"fam2_conv": "FAM2.merge.main.0",
    r"fam3_conv": "FAM1.merge.main.0",
    r"scm2_conv(?P<i>\d)": "SCM2.main.{i}.main.0",
    r"scm3_conv(?P<i>\d)": "SCM1.main.{i}.main.0",
    r"scm2_join": "SCM2.conv.main.0",
    r"scm3_join": "SCM1.conv.main.0",
}


class _Reference(NamedTuple):
    """A reference implementation.

    Attributes:
        modules: our layers' names -> modules there.
        blocks: the weights of our composed layers there, in the order of ours.
        config: a state dict -> the hyper-parameters.
    """

    modules: Mapping[str, str]
    blocks: Mapping[type, tuple[str, ...]]
    config: Callable[[State], BackboneConfig]


def network_from_torch(backbone: str, state: State) -> tuple[Variant, keras.Model]:
    """Builds the network of a state dict, whatever its width, with its weights.

    Args:
        backbone: "mprnet", "dmphn" (each name preceded by that of its file:
            "encoder_lv1.layer1.weight") or "mimo_unet".
        state: arrays by PyTorch's names.

    Raises:
        InputError: weights are missing, left over or of other shapes.
    """
    reference = _REFERENCES[backbone]
    state = _with_one_slope(state)
    try:
        variant = Variant(reference.config(state))
    except KeyError as error:
        some = ", ".join(list(state)[:3]) or "nothing"
        raise InputError(
            f"Expected a checkpoint of {backbone} with {error}. Received: {some}, ..."
        ) from error
    given = sum(array.size for array in state.values())
    if given < variant.fewest_parameters:  # Before it is built: it may be huge.
        raise InputError(
            f"Expected at least {variant.fewest_parameters:,} weights for a {backbone} "
            f"of these shapes. Received: {given:,}"
        )
    network = build(variant)
    arrays = {name: _as_ours(array) for name, array in state.items()}
    names = {
        layer: _names(layer, reference, dataclasses.asdict(variant.backbone))
        for layer in network.layers
        if layer.weights
    }
    shapes = {
        name: tuple(weight.shape)
        for layer in names
        for name, weight in zip(names[layer], layer.weights, strict=True)
    }
    faults = {
        "missing": [name for name in shapes if name not in arrays],
        "left over": [name for name in arrays if name not in shapes],
        "of another shape": [
            f"{name} {arrays[name].shape} for {shape}"
            for name, shape in shapes.items()
            if name in arrays and arrays[name].shape != shape
        ],
    }
    if any(faults.values()):
        raise InputError(
            f"Expected all weights of {backbone} and no others. "
            f"Received: {'; '.join(_counted(*fault) for fault in faults.items())}"
        )
    for layer in names:
        layer.set_weights([arrays[name] for name in names[layer]])
    return variant, network


def _names(
    layer: keras.layers.Layer, reference: _Reference, config: Mapping[str, int]
) -> list[str]:
    """The names of a layer's weights there, in the order of `layer.weights`."""
    module = next(
        theirs.format(
            *match.groups(),
            **{key: int(value) - 1 for key, value in match.groupdict().items()},
            **config,
        )
        for ours, theirs in reference.modules.items()
        if (match := re.fullmatch(ours, layer.name))
    )
    convolution = (".weight", ".bias")[: len(layer.weights)]
    return [module + part for part in reference.blocks.get(type(layer), convolution)]


def _as_ours(array: np.ndarray) -> np.ndarray:
    # (out, in, height, width) -> (height, width, in, out); transposed convolutions
    # have out and in exchanged on both sides.
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array


def _with_one_slope(state: State) -> dict[str, np.ndarray]:
    """Puts MPRNet's only PReLU, which every block lists again, under "slope"."""
    slopes = {
        name: array
        for name, array in state.items()
        if name.endswith(".body.1.weight") and array.size == 1
    }
    if not slopes:
        return dict(state)
    values = {float(array.item()) for array in slopes.values()}
    if len(values) > 1:
        raise InputError(
            "Expected one PReLU slope for the whole network. "
            f"Received: {len(values)}, {min(values):g} to {max(values):g}"
        )
    if not max(values) <= 1:  # Also catches NaN; see `SharedSlope`.
        raise InputError(
            f"Expected a PReLU slope of at most 1. Received: {max(values):g}"
        )
    others = {name: array for name, array in state.items() if name not in slopes}
    return {**others, "slope": np.array(list(values), np.float32)}


def _counted(title: str, names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{title}: {', '.join(names[:3]) or 'none'}{more}"


def _count(state: State, pattern: str) -> int:
    return sum(re.fullmatch(pattern, name) is not None for name in state)


def _filters(state: State, name: str) -> int:
    """The output channels of a convolution."""
    shape = state[name].shape
    if len(shape) != 4 or 0 in shape:
        raise InputError(
            f"Expected {name} of a convolution, (out, in, height, width). "
            f"Received: {shape}"
        )
    return shape[0]


def _mprnet_config(state: State) -> MPRNetConfig:
    features = _filters(state, "shallow_feat1.0.weight")
    squeezed = _filters(state, "shallow_feat1.1.CA.conv_du.0.weight")
    second = _filters(state, "stage1_encoder.encoder_level2.0.body.0.weight")
    cab = r"\.\d+\.body\.0\.weight"
    return MPRNetConfig(
        num_features=features,
        unet_features=second - features,
        orsnet_features=_filters(state, "concat23.weight") - features,
        num_cabs=_count(state, r"stage3_orsnet\.orb1\.body" + cab),
        num_level_cabs=_count(state, r"stage1_encoder\.encoder_level1" + cab),
        reduction=features // squeezed,
    )


def _dmphn_config(state: State) -> DMPHNConfig:
    return DMPHNConfig(num_features=_filters(state, "encoder_lv1.layer1.weight"))


def _mimo_unet_config(state: State) -> MIMOUNetConfig:
    block = r"Encoder\.0\.layers\.\d+\.main\.0\.main\.0\.weight"
    return MIMOUNetConfig(
        num_features=_filters(state, "feat_extract.0.main.0.weight"),
        num_blocks=_count(state, block),
    )


def _residual(first: str, second: str) -> tuple[str, ...]:
    return tuple(
        f"{conv}.{kind}" for conv in (first, second) for kind in ("weight", "bias")
    )


_REFERENCES = {
    "mprnet": _Reference(
        _MPRNET,
        {
            ResidualChannelAttention: (
                ".body.0.weight",
                ".body.2.weight",
                ".CA.conv_du.0.weight",
                ".CA.conv_du.2.weight",
            ),
            SupervisedAttention: (".conv1.weight", ".conv2.weight", ".conv3.weight"),
            SharedSlope: ("",),
        },
        _mprnet_config,
    ),
    "dmphn": _Reference(_DMPHN, {ResidualBlock: _residual(".0", ".2")}, _dmphn_config),
    "mimo_unet": _Reference(
        _MIMO_UNET,
        {ResidualBlock: _residual(".main.0.main.0", ".main.1.main.0")},
        _mimo_unet_config,
    ),
}
