"""Gradient maps for the eye."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from egnet_tf.images.convert import to_float

if TYPE_CHECKING:
    import tensorflow as tf


def visible_gradient_map(image: np.ndarray) -> np.ndarray:
    """The gradient map (Eq. 15) of an image uint8 (H, W, 3), stretched for display.

    The mean over the colours is divided by its 99.5th percentile and gamma 1/2 is
    applied: most gradients are far weaker than the strongest. The map is grey, in the
    form of the image.
    """
    # Here, because it imports TensorFlow, which drawing does not need otherwise.
    from egnet_tf.layers import gradient_map

    return _stretched(np.asarray(gradient_map(_batch(image))[0]))


def visible_laplacian(image: np.ndarray) -> np.ndarray:
    """The absolute Laplacian of an image, stretched as in `visible_gradient_map`."""
    from egnet_tf.layers import laplacian

    return _stretched(np.abs(laplacian(_batch(image))[0]))


def _batch(image: np.ndarray) -> tf.Tensor:
    import tensorflow as tf

    return tf.constant(to_float(image)[None])


def _stretched(values: np.ndarray) -> np.ndarray:
    grey = values.mean(axis=-1, keepdims=True)
    grey = np.sqrt(np.clip(grey / max(np.percentile(grey, 99.5), 1e-8), 0, 1))
    return np.repeat(np.rint(255 * grey).astype(np.uint8), 3, axis=-1)
