"""EGNet in TensorFlow: image deblurring with an enhanced gradient network.

    import egnet_tf
    restorer = egnet_tf.load("runs/quickstart")
    restored = restorer(photo)          # (H, W, 3) uint8, any H and W

`build` makes an untrained network, `load` a `Restorer` from trained weights.
Importing the package is light: TensorFlow loads when one of the names is used.
"""

from __future__ import annotations

import importlib
import os
import sys

__version__ = "0.1.0"
__all__ = ["Restorer", "__version__", "build", "load"]

_HOMES = {
    "Restorer": "egnet_tf.inference",
    "build": "egnet_tf.models",
    "load": "egnet_tf.inference",
}


def _use_the_tensorflow_backend() -> None:
    """Keras reads its backend once, when it is first imported."""
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if "keras" in sys.modules:
        backend = sys.modules["keras"].backend.backend()
    if backend != "tensorflow":
        raise ImportError(
            "egnet_tf needs Keras on TensorFlow: set KERAS_BACKEND=tensorflow "
            f"before keras is imported. Received: {backend}"
        )


_use_the_tensorflow_backend()


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'egnet_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
