"""Figures of what happens inside a network: EGN's features, the ensemble's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from egnet_tf.errors import InputError
from egnet_tf.images.convert import to_float, to_uint8
from egnet_tf.paper.comparison import score_note
from egnet_tf.visualization import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from egnet_tf.models import LoadedModel


def draw_features(
    loaded: LoadedModel, image: np.ndarray, channels: int = 4, width: float = 7.0
) -> Figure:
    """Draws the features before and after EGN, see `figures.feature_figure`.

    The image, uint8 (H, W, 3), is cut to a size that the network takes.

    Raises:
        InputError: the network has no EGN, or the image is too small.
    """
    from egnet_tf.models import egn_features

    image = _cropped(image, loaded.size_multiple)
    stages = egn_features(loaded, to_float(image)[None])
    if not stages:
        raise InputError("Expected a network with EGN. Received: one without")
    titled = {f"stage {stage}": features for stage, features in stages.items()}
    return figures.feature_figure(image, titled, channels=channels, width=width)


def draw_ensemble(
    loaded: LoadedModel,
    blurry: np.ndarray,
    sharp: np.ndarray | None = None,
    width: float = 7.0,
) -> Figure:
    """Draws what the trained self-ensemble takes of each branch.

    The images, uint8 (H, W, 3), are cut to a size that all branches take. With a sharp
    one, the captions say PSNR and SSIM.

    Raises:
        InputError: the model has no self-ensemble, or the image is too small.
    """
    import tensorflow as tf

    from egnet_tf.inference.branches import branch_images, results_among, shrinkage
    from egnet_tf.models import ensemble_weights, finest

    if loaded.ensemble is None:
        raise InputError("Expected a run with a trained self-ensemble. Received: none")
    if results_among(loaded.branches):
        raise InputError(
            "Expected a run that restores blurry images. Received: one that fuses "
            f"results of {', '.join(results_among(loaded.branches))}"
        )
    multiple = loaded.size_multiple * shrinkage(loaded.branches)
    blurry = _cropped(blurry, multiple)
    sharp = None if sharp is None else _cropped(sharp, multiple)
    restored = branch_images(
        lambda image: finest(loaded.network(image, training=False)),
        tf.constant(to_float(blurry)[None]),
        loaded.branches,
        size_multiple=loaded.size_multiple,
    )
    weights = np.asarray(ensemble_weights(loaded.ensemble)(restored)[0])
    images = [to_uint8(np.asarray(x)[0]) for x in restored]
    fused = to_uint8(np.asarray(loaded.ensemble(restored))[0])
    branches = [
        figures.Panel(name, image, score_note(image, sharp))
        for name, image in zip(loaded.branches, images, strict=True)
    ]
    panel = figures.Panel("weighted sum", fused, score_note(fused, sharp))
    return figures.ensemble_figure(branches, weights, panel, width=width)


def _cropped(image: np.ndarray, multiple: int) -> np.ndarray:
    """The largest part from the top left that the network takes without padding."""
    height, width = (side // multiple * multiple for side in image.shape[:2])
    if not height or not width:
        raise InputError(
            f"Expected an image of at least {multiple} x {multiple} pixels. "
            f"Received: {image.shape[1]} x {image.shape[0]}"
        )
    return image[:height, :width]
