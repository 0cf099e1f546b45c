"""How much one variable depends on another: the paper's Table 5.

The normalised Hilbert-Schmidt independence criterion of Ma, Lewis and Kleijn, "The
HSIC bottleneck", AAAI 2020, which the paper cites: with the centred Gram matrices
Kx, Ky of m samples,

    nHSIC(X, Y) = trace(Cx Cy),   Cx = Kx (Kx + epsilon m I)^-1,

and Gaussian kernels k(x, x') = exp(-|x - x'|^2 / (2 sigma^2)).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

EPSILON = 1e-5


class Dependence(NamedTuple):
    """nHSIC of features with the blurry and with the sharp image of one scene."""

    blurry: float
    sharp: float

    @property
    def ratio(self) -> float:
        """Sharp over blurry: the column "sharp" of Table 5, where blurry is 1."""
        return self.sharp / self.blurry


def dependence_on_images(
    features: np.ndarray,
    blurry: np.ndarray,
    sharp: np.ndarray,
    rng: np.random.Generator,
    samples: int = 1000,
    patch: int = 5,
) -> Dependence:
    """Measures nHSIC between a feature map and patches of its images.

    A sample is one position, drawn evenly without repetition: the features there,
    and the patch of the image around it. The same positions serve both images.
    All kernels have the median distance of their samples as width, so neither the
    scale of the features nor the contrast of an image counts. nHSIC grows with the
    number of samples, and not equally for both images: compare ratios of equal
    `samples` and `patch` only.

    Args:
        features: (h, w, C), at 1/s of the images' resolution for a whole s.
        blurry: uint8 (s h, s w, 3).
        sharp: of the same shape.
        rng: draws the positions.
        samples: how many, at most h * w.
        patch: odd side of the patches in pixels.

    Raises:
        ValueError: the sizes do not belong together, or samples or patch are not as
            said.
    """
    height, width = features.shape[:2]
    stride = blurry.shape[0] // height
    if blurry.shape != sharp.shape or blurry.shape[:2] != (
        stride * height,
        stride * width,
    ):
        raise ValueError(
            "Expected two images of one size, a multiple of the features'. Received: "
            f"{blurry.shape}, {sharp.shape} and features {features.shape}"
        )
    if not 2 <= samples <= height * width or patch % 2 == 0:
        raise ValueError(
            f"Expected 2 to {height * width} samples and an odd patch. "
            f"Received: {samples} and {patch}"
        )
    chosen = rng.choice(height * width, samples, replace=False)
    positions = np.stack(np.divmod(chosen, width), axis=-1)
    feature_factor = _normalised(features[positions[:, 0], positions[:, 1]])
    # The pixel in the middle of the s x s that a position of the features stands for.
    pixels = stride * positions + stride // 2
    return Dependence(
        *(
            _trace(feature_factor, _normalised(patches_at(image, pixels, patch)))
            for image in (blurry, sharp)
        )
    )


def normalised_hsic(
    x: np.ndarray,
    y: np.ndarray,
    x_width: float | None = None,
    y_width: float | None = None,
) -> float:
    """The nHSIC of paired samples; 0 for independence, up to m - 1 for equality.

    Args:
        x: (m, p), one sample a row.
        y: (m, q), the samples that belong to the rows of x.
        x_width: sigma of the kernel on x; by default the median distance between
            two different samples.
        y_width: the same for y.

    Returns:
        A value >= 0, in float64; comparable only for equal m and epsilon (1e-5).

    Raises:
        ValueError: the numbers of samples differ, or there are fewer than two.
    """
    if len(x) != len(y) or len(x) < 2:
        raise ValueError(
            "Expected two or more paired samples. "
            f"Received: shapes {np.shape(x)} and {np.shape(y)}"
        )
    return _trace(_normalised(x, x_width), _normalised(y, y_width))


def _trace(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sum(one * other.T))


def _normalised(x: np.ndarray, width: float | None = None) -> np.ndarray:
    """K (K + epsilon m I)^-1 of the centred Gram matrix K."""
    x = np.asarray(x, np.float64)
    count = len(x)
    squares = np.sum(x * x, axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0.0)
    if width is None:
        others = distances[~np.eye(count, dtype=bool)]
        width = float(np.median(np.sqrt(others))) or 1.0
    gram = np.exp(-distances / (2 * width**2))
    gram -= gram.mean(axis=0)
    gram -= gram.mean(axis=1, keepdims=True)
    # Both factors are symmetric and commute, so the order of the product is free.
    return np.linalg.solve(gram + EPSILON * count * np.eye(count), gram)


def patches_at(image: np.ndarray, positions: np.ndarray, size: int) -> np.ndarray:
    """The square patches of an image (H, W, C) around positions, one a row.

    Positions are (m, 2), rows and columns; `size` is the odd side; borders are
    repeated.

    Returns:
        (m, size * size * C).
    """
    radius = size // 2
    padded = np.pad(image, [(radius, radius), (radius, radius), (0, 0)], "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (0, 1))
    return windows[positions[:, 0], positions[:, 1]].reshape(len(positions), -1)
