"""From a network to restored images of any size. Importing it is light."""

from egnet_tf.inference.resolve import load
from egnet_tf.inference.restorer import Restorer

__all__ = ["Restorer", "load"]
