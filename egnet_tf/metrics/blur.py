"""How blurred a photo is, without a sharp one: the length of the blur in pixels.

The page and the app implement the same, which is specified here; a golden file
(mobile_demo/golden/blur.json) holds the numbers. All sums are of integers, so that they
are the same in every language.

    length      of a blur k, a density over the plane: sqrt(12 l), where l is the larger
                eigenvalue of its covariance. Motion at constant speed has the length
                of its path, a pixel about 1, a disc out of focus sqrt(3) radii.
    luma        Y = (77 R + 150 G + 29 B + 128) >> 8 of 8-bit values.
    windows     of at most 192 x 192 pixels: along an axis of n pixels, m =
                min(ceil(n / 192), 6) of them, the i-th from floor(i (n - w) / (m - 1))
                on, w = min(n, 192); a single one from floor((n - w) / 2) on.
    steps       of each window, for each offset (dy, dx) of `OFFSETS`, the mean of |e|
                and of e^4, e = Y(y + dy, x + dx) - Y(y, x), over the pairs inside. An
                edge that is blurred over the length L rises linearly up to the offset
                L. Offsets longer than half a side have the value of the longest that
                is not.
    features    a(d, s) = log(mean |e| + 1/4) and b(d, s) = log((mean e^4)^(1/4) + 1/4),
                for the directions d = row, column, diagonal, other diagonal. Row and
                column change places if the row rises less steeply at first, and so do
                the diagonals, which makes the estimate the same for mirrored and
                transposed photos: the first is that of the smaller a(d, 2nd) -
                a(d, 6th). From all of them the mean of a (of b) over d at the longest
                offset is subtracted; that of a is the last feature.
    network     h = tanh(W1 (f - m) / s + b1), (u, v) = W2 h + b2: the window's length
                is 2^u pixels, and v the logarithm of the standard deviation of u.
    estimate    2^u of the window in the middle (see `middle`) by weights exp(-2 v).
                Windows with v > 0.6 are left out, for they have too
                little detail; without any window left, there is no estimate.
    level       none below 3 pixels, mild below 12, strong above.

Steps between neighbours and the lengths of edges as measures of blur: Marziliano et
al., "A no-reference perceptual blur metric", ICIP 2002; of motion from the correlation
of an image's derivative: Yitzhaky and Kopeika, "Identification of blur parameters from
motion blurred images", CVGIP 59(5), 1997.
"""

from __future__ import annotations

import math

import numpy as np

from egnet_tf.images.convert import to_float, to_uint8
from egnet_tf.metrics.parameters import read_parameters

MILD, STRONG = 3.0, 12.0
"""Lengths from which on a blur is mild, and strong (docs/deblur.md has the errors)."""

WINDOW = 192
_MOST_WINDOWS = 6
_SMALLEST_SIDE = 48
_STRAIGHT = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
_DIAGONAL = (1, 2, 3, 4, 5, 6, 8, 11, 17, 23, 34)
OFFSETS = (
    tuple((0, s) for s in _STRAIGHT),
    tuple((s, 0) for s in _STRAIGHT),
    tuple((s, s) for s in _DIAGONAL),
    tuple((s, -s) for s in _DIAGONAL),
)
_FIRST, _LATER = 1, 5  # Between these offsets an edge's steepness is compared.


def blur_length(image: np.ndarray) -> float | None:
    """Estimates the length of an image's blur in pixels.

    Args:
        image: RGB (H, W, 3); uint8, uint16, or float in [0, 1].

    Returns:
        At least about 1; None where the image is smaller than 48 pixels or has too
        little detail to tell.
    """
    lengths, doubts = window_lengths(image)
    known = doubts <= read_parameters("blur")["doubt"]
    if not known.any():
        return None
    return middle(lengths[known], np.exp(-2 * doubts[known]))


def blur_level(length: float | None) -> str:
    """Returns "none", "mild", "strong", or "unknown" where there is no estimate."""
    if length is None:
        return "unknown"
    if length < MILD:
        return "none"
    return "mild" if length < STRONG else "strong"


def middle(values: np.ndarray, weights: np.ndarray) -> float:
    """The weighted median: the least value at which half of the weight is reached."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])


def window_lengths(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns each window's length in pixels, and how much log2 of it is in doubt."""
    if min(image.shape[:2]) < _SMALLEST_SIDE:
        return np.empty(0), np.empty(0)
    features = np.array([window_features(window) for window in windows(image)])
    p = read_parameters("blur")
    inputs = (features - p["mean"]) / p["scale"]
    hidden = np.tanh(inputs @ p["weights1"] + p["bias1"])
    result = hidden @ p["weights2"] + p["bias2"]
    return np.exp2(result[:, 0]), result[:, 1]


def windows(image: np.ndarray) -> list[np.ndarray]:
    """Returns the luma, int32 (h, w), of the windows of an image, row by row."""
    tops, lefts = map(_starts, image.shape[:2])
    return [
        _luma(image[top : top + WINDOW, left : left + WINDOW])
        for top in tops
        for left in lefts
    ]


def _starts(length: int) -> list[int]:
    room, count = length - min(length, WINDOW), math.ceil(length / WINDOW)
    count = min(count, _MOST_WINDOWS)
    if count == 1:
        return [room // 2]
    return [i * room // (count - 1) for i in range(count)]


def _luma(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8:
        image = to_uint8(to_float(image))
    red, green, blue = np.moveaxis(image.astype(np.int32), -1, 0)
    return (77 * red + 150 * green + 29 * blue + 128) >> 8


_POWERS = np.stack([np.arange(256.0), np.arange(256.0) ** 4])


def window_features(luma: np.ndarray) -> np.ndarray:
    """Returns the features of a window's luma, int32 (h, w): float64 (89,)."""
    longest = min(luma.shape) // 2
    steps = np.empty((2, len(OFFSETS), len(_STRAIGHT)))
    for direction, offsets in enumerate(OFFSETS):
        for index, (down, right) in enumerate(offsets):
            if max(down, abs(right)) > longest:
                steps[:, direction, index] = steps[:, direction, index - 1]
                continue
            first, second = luma[down:], luma[: len(luma) - down]
            if right > 0:
                first, second = first[:, right:], second[:, :-right]
            elif right < 0:
                first, second = first[:, :right], second[:, -right:]
            counts = np.bincount(np.abs(first - second).ravel(), minlength=256)
            steps[:, direction, index] = _POWERS @ counts / first.size
    steps[1] = np.sqrt(np.sqrt(steps[1]))
    logs = np.log(steps + 0.25)
    for one in (0, 2):
        rises = logs[0, one : one + 2, _FIRST] - logs[0, one : one + 2, _LATER]
        if rises[1] < rises[0]:
            logs[:, [one, one + 1]] = logs[:, [one + 1, one]]
    level = logs[:, :, -1].mean(axis=1)
    logs -= level[:, None, None]
    return np.append(logs, level[0])
