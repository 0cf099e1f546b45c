"""How much one variable depends on another: the paper's Table 5.

The normalised Hilbert-Schmidt independence criterion of Ma, Lewis and Kleijn, "The
HSIC bottleneck", AAAI 2020, which the paper cites: with the centred Gram matrices
Kx, Ky of m samples,

    nHSIC(X, Y) = trace(Cx Cy),   Cx = Kx (Kx + epsilon m I)^-1,

and Gaussian kernels k(x, x') = exp(-|x - x'|^2 / (2 sigma^2)).
"""

from __future__ import annotations

import numpy as np

EPSILON = 1e-5


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
    return float(np.sum(_normalised(x, x_width) * _normalised(y, y_width).T))


def _normalised(x: np.ndarray, width: float | None) -> np.ndarray:
    """K (K + epsilon m I)^-1 of the centred Gram matrix K."""
    x = np.asarray(x, np.float64)
    count = len(x)
    squares = np.sum(x * x, axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0.0)
    if width is None:
        others = distances[~np.eye(count, dtype=bool)]
        width = np.median(np.sqrt(others)) or 1.0
    gram = np.exp(-distances / (2 * width**2))
    gram -= gram.mean(axis=0)
    gram -= gram.mean(axis=1, keepdims=True)
    # Both factors are symmetric and commute, so the order of the product is free.
    return np.linalg.solve(gram + EPSILON * count * np.eye(count), gram)


def patches_at(image: np.ndarray, positions: np.ndarray, size: int) -> np.ndarray:
    """The square patches of an image around positions, one a row.

    Args:
        image: (H, W, C).
        positions: (m, 2) rows and columns.
        size: odd side of a patch; borders are repeated.

    Returns:
        (m, size * size * C).
    """
    radius = size // 2
    padded = np.pad(image, [(radius, radius), (radius, radius), (0, 0)], "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (0, 1))
    return windows[positions[:, 0], positions[:, 1]].reshape(len(positions), -1)
