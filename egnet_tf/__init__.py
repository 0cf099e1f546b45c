"""EGNet in TensorFlow: image deblurring with an enhanced gradient network.

    import egnet_tf
    restorer = egnet_tf.load("runs/quickstart")
    restored = restorer(photo)          # (H, W, 3) uint8, any H and W

`build` makes an untrained network, `load` a `Restorer` from trained weights;
`list_models` says which weights come with the package. The parts of the paper to use in
a network of your own: `EGNConfig` and `Enhancer` (EGN), `gradient_map` and
`GradientMap` (Eq. 15), `EGNetLoss` (Eq. 13-17), `self_ensemble` (Eq. 10-12); see
examples/egn_in_your_network.py.

Importing the package is light: TensorFlow loads when a name that needs it is used.
"""

from __future__ import annotations

import itertools
import os
import sys
from typing import TYPE_CHECKING

from egnet_tf.lazy import lazy_names

if TYPE_CHECKING:
    from egnet_tf.inference import Restorer as Restorer
    from egnet_tf.inference import load as load
    from egnet_tf.layers import GradientMap as GradientMap
    from egnet_tf.layers import gradient_map as gradient_map
    from egnet_tf.losses import EGNetLoss as EGNetLoss
    from egnet_tf.model_list import list_models as list_models
    from egnet_tf.models.configs import EGNConfig as EGNConfig
    from egnet_tf.models.egn import Enhancer as Enhancer
    from egnet_tf.models.networks import build as build
    from egnet_tf.models.self_ensemble import self_ensemble as self_ensemble

__version__ = "0.2.0"


def _check_keras() -> None:
    """Chooses TensorFlow as the backend of Keras, which reads it when imported.

    The data format and float type of ~/.keras/keras.json are overridden by
    `egnet_tf.layers`, the first of ours to make a layer.

    Raises:
        ImportError: Keras has already been imported with other settings.
    """
    keras = sys.modules.get("keras")
    if keras is None:
        os.environ["KERAS_BACKEND"] = "tensorflow"
        return
    found = (
        keras.backend.backend(),
        keras.backend.image_data_format(),
        keras.backend.floatx(),
    )
    if found != ("tensorflow", "channels_last", "float32"):
        raise ImportError(
            "egnet_tf needs Keras on TensorFlow with channels_last and float32: import "
            "it before keras, or change KERAS_BACKEND and ~/.keras/keras.json. "
            f"Received: {', '.join(found)}"
        )


def _expect_ctrl_c() -> None:
    """Makes Ctrl-C one line from now on, if `python -m` looks for a command here."""
    if sys.argv[:1] == ["-m"]:
        import egnet_tf.cli  # noqa: F401


_expect_ctrl_c()
_check_keras()

_HOMES = {
    "egnet_tf.inference": ("Restorer", "load"),
    "egnet_tf.layers": ("GradientMap", "gradient_map"),
    "egnet_tf.losses": ("EGNetLoss",),
    "egnet_tf.model_list": ("list_models",),
    "egnet_tf.models.configs": ("EGNConfig",),
    "egnet_tf.models.egn": ("Enhancer",),
    "egnet_tf.models.networks": ("build",),
    "egnet_tf.models.self_ensemble": ("self_ensemble",),
}
__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return ["__version__", *itertools.chain(*_HOMES.values())]
