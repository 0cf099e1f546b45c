"""Gradient maps for the eye."""

from __future__ import annotations

from collections.abc import Sequence
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


def gradient_strengths(image: np.ndarray) -> dict[str, np.ndarray]:
    """How strongly the Laplacian and Eq. 15 under each G respond to an image.

    Args:
        image: float (H, W, C) in [0, 1].

    Returns:
        By "Laplacian" and the names of `egnet_tf.layers.NORMALISERS`, (H, W): the
        distance of the values to the one where nothing is (their median), in the mean
        over the colours.
    """
    import tensorflow as tf

    from egnet_tf.layers import NORMALISERS, gradient_map, laplacian

    batch = tf.constant(image[None], tf.float32)
    maps = {name: gradient_map(batch, name) for name in NORMALISERS}
    found = {}
    for name, values in {"Laplacian": laplacian(batch), **maps}.items():
        values = np.asarray(values[0])
        found[name] = np.abs(values - np.median(values)).mean(axis=-1)
    return found


def edge_responses(contrasts: Sequence[float]) -> dict[str, list[float]]:
    """The responses to edges in one image, relative to that to the first edge.

    The edges, between two greys that differ by the contrast, are as soft as those of a
    camera: a Gaussian of 1.2 pixels. By the names of `gradient_strengths`.
    """
    height = 24
    scene = np.full((height * len(contrasts), 64), 0.5)
    for number, contrast in enumerate(contrasts):
        rows = scene[number * height : (number + 1) * height]
        rows[:, :32] -= contrast / 2
        rows[:, 32:] += contrast / 2
    scene = _soft(scene)
    inner = slice(height // 3, 2 * height // 3)  # Far from the edges between edges.
    found = {}
    for name, values in gradient_strengths(scene[..., None]).items():
        peaks = [rows[inner].max() for rows in np.split(values, len(contrasts))]
        found[name] = [float(peak / peaks[0]) for peak in peaks]
    return found


def noise_responses(
    deviations: Sequence[float], contrast: float = 0.5
) -> dict[str, list[float]]:
    """The responses to white noise where nothing else is, relative to those to an edge.

    The edge, of that contrast and as in `edge_responses`, is in the same image, under
    the same noise, whose standard deviations are given. By the names of
    `gradient_strengths`: the root of the mean square in the flat part over the highest
    mean along the edge.
    """
    found: dict[str, list[float]] = {}
    scene = np.full((256, 256), 0.5)
    scene[:, :64] -= contrast
    scene = _soft(scene)
    noise = np.random.default_rng(0).normal(0, 1, scene.shape)
    for deviation in deviations:
        noisy = scene + deviation * noise
        for name, values in gradient_strengths(noisy[..., None]).items():
            edge = values[:, 56:72].mean(axis=0).max()
            flat = np.sqrt(np.mean(values[:, 96:] ** 2))
            found.setdefault(name, []).append(float(flat / edge))
    return found


def _soft(scene: np.ndarray) -> np.ndarray:
    """The scene (H, W) as a camera's optics and pixels blur it."""
    import cv2

    return cv2.GaussianBlur(scene, (0, 0), 1.2, borderType=cv2.BORDER_REPLICATE)


def _batch(image: np.ndarray) -> tf.Tensor:
    import tensorflow as tf

    return tf.constant(to_float(image)[None])


def _stretched(values: np.ndarray) -> np.ndarray:
    grey = values.mean(axis=-1, keepdims=True)
    grey = np.sqrt(np.clip(grey / max(np.percentile(grey, 99.5), 1e-8), 0, 1))
    return np.repeat(np.rint(255 * grey).astype(np.uint8), 3, axis=-1)
