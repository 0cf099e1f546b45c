"""From a network to restored images of any size.

Importing the package is light; so is `egnet_tf.inference.resolve`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from egnet_tf.lazy import lazy_names

if TYPE_CHECKING:
    from egnet_tf.inference.resolve import load as load
    from egnet_tf.inference.restorer import Restorer as Restorer

_HOMES = {
    "egnet_tf.inference.resolve": ("load",),
    "egnet_tf.inference.restorer": ("Restorer",),
}
__getattr__ = lazy_names(__name__, _HOMES)
