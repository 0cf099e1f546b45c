"""The buildings: networks made of the layers, and their weights."""

from egnet_tf.models.cost import multiply_adds
from egnet_tf.models.dmphn import dmphn
from egnet_tf.models.egn import EGNConfig, Enhancer, egn, egnet
from egnet_tf.models.features import (
    Enhanced,
    egn_features,
    ensemble_weights,
    finest,
    last_features,
)
from egnet_tf.models.mimo_unet import mimo_unet
from egnet_tf.models.mprnet import mprnet
from egnet_tf.models.self_ensemble import self_ensemble
from egnet_tf.models.variants import (
    VARIANTS,
    Variant,
    build,
    build_ensemble,
    variant,
)
from egnet_tf.models.weights import (
    LoadedModel,
    find_weights,
    load,
    read_variant,
    save,
    shipped,
    transfer_weights,
)

__all__ = [
    "VARIANTS",
    "EGNConfig",
    "Enhanced",
    "Enhancer",
    "LoadedModel",
    "Variant",
    "build",
    "build_ensemble",
    "dmphn",
    "egn",
    "egn_features",
    "egnet",
    "ensemble_weights",
    "find_weights",
    "finest",
    "last_features",
    "load",
    "mimo_unet",
    "mprnet",
    "multiply_adds",
    "read_variant",
    "save",
    "self_ensemble",
    "shipped",
    "transfer_weights",
    "variant",
]
