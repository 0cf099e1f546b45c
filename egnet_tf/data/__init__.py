"""Blurry and sharp images: datasets, synthetic blur, and the training pipeline.

Only `egnet_tf.data.pipeline` needs TensorFlow.
"""

from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.data.registry import open_pairs

__all__ = ["Pair", "Pairs", "open_pairs"]
