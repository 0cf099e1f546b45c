"""Network architectures, named variants and weights.

Importing the package is light: TensorFlow loads when one of the names needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from egnet_tf.lazy import lazy_names
from egnet_tf.models.configs import DMPHNConfig as DMPHNConfig
from egnet_tf.models.configs import EGNConfig as EGNConfig
from egnet_tf.models.configs import MIMOUNetConfig as MIMOUNetConfig
from egnet_tf.models.configs import MPRNetConfig as MPRNetConfig
from egnet_tf.models.configs import NAFNetConfig as NAFNetConfig
from egnet_tf.models.variants import VARIANTS as VARIANTS
from egnet_tf.models.variants import Variant as Variant
from egnet_tf.models.variants import variant as variant
from egnet_tf.models.weights import LoadedModel as LoadedModel
from egnet_tf.models.weights import load as load
from egnet_tf.models.weights import read_variant as read_variant
from egnet_tf.models.weights import save as save
from egnet_tf.models.weights import transfer_weights as transfer_weights

if TYPE_CHECKING:
    from egnet_tf.models.cost import multiply_adds as multiply_adds
    from egnet_tf.models.egn import Enhancer as Enhancer
    from egnet_tf.models.features import egn_features as egn_features
    from egnet_tf.models.features import ensemble_weights as ensemble_weights
    from egnet_tf.models.features import finest as finest
    from egnet_tf.models.features import last_features as last_features
    from egnet_tf.models.layout import Layout as Layout
    from egnet_tf.models.networks import build as build
    from egnet_tf.models.networks import build_ensemble as build_ensemble

_HOMES = {
    "egnet_tf.models.cost": ("multiply_adds",),
    "egnet_tf.models.egn": ("Enhancer",),
    "egnet_tf.models.features": (
        "egn_features",
        "ensemble_weights",
        "finest",
        "last_features",
    ),
    "egnet_tf.models.layout": ("Layout",),
    "egnet_tf.models.networks": ("build", "build_ensemble"),
}
__getattr__ = lazy_names(__name__, _HOMES)
