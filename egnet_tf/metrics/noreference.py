"""NIQE and BRISQUE: scores of an image without a sharp one; lower is better.

Both look at how locally normalised luminance is distributed. With local mean m and
deviation d under a Gaussian window of 7 x 7 and sigma 7/6,

    n(i, j) = (Y(i, j) - m(i, j)) / (d(i, j) + 1),   Y in levels of 255,

is nearly normal in photographs of nature, and blur, noise and compression change its
shape and that of products of neighbours. The features are parameters of (asymmetric)
generalised normal distributions that are fitted to them by moments, at two scales.

    NIQE     sqrt((a - b)^T ((A + B) / 2)^-1 (a - b)): the distance of the normal
             distribution (b, B) of the features of an image's patches of 96 x 96 pixels
             from that of sharp photographs, (a, A). Mittal, Soundararajan and Bovik,
             "Making a completely blind image quality analyzer", IEEE SPL 20(3), 2013.
    BRISQUE  a regression from the features of the whole image to its quality. Mittal,
             Moorthy and Bovik, "No-reference image quality assessment in the spatial
             domain", IEEE TIP 21(12), 2012.

The formulas are the papers'; the parameters are not. They were fitted by
`egnet_tf.metrics.fit_noreference` on photographs that niqe.json and brisque.json name:
(a, A) as in the paper, but on other photographs, and BRISQUE not on opinions of people
but on 100 (1 - SSIM) of artificially spoiled photographs, by an RBF network in place of
the support vector machine. So the numbers rank images as others' do
(docs/evaluate.md has by how much), but are not equal to theirs.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from egnet_tf.errors import InputError
from egnet_tf.metrics.parameters import read_parameters

PATCH = 96
"""Side of NIQE's patches in pixels."""

SHARPEST = 0.75
"""Only patches of sharp photographs at least so sharp as this share of the photo's
sharpest one are taken as examples (the paper's T)."""


def niqe(image: np.ndarray) -> float:
    """Returns the NIQE of uint8 (H, W, 3) RGB, each side at least two patches.

    Raises:
        InputError: the image is smaller than 192 pixels.
    """
    _require_size(image, 2 * PATCH)
    features, _ = patch_features(luminance(image))
    stored = read_parameters("niqe")
    mean, covariance = stored["mean"], stored["covariance"]
    own = np.cov(features, rowvar=False)
    difference = mean - features.mean(axis=0)
    inverse = np.linalg.pinv((covariance + own) / 2)
    return float(np.sqrt(max(difference @ inverse @ difference, 0.0)))


def brisque(image: np.ndarray) -> float:
    """Returns the BRISQUE of uint8 (H, W, 3) RGB, about 0 (sharp) to 100.

    Raises:
        InputError: the image is smaller than 32 pixels.
    """
    _require_size(image, 32)
    features = image_features(luminance(image))
    return float(radial_network(features[None], read_parameters("brisque"))[0])


def radial_network(
    features: np.ndarray, parameters: dict[str, np.ndarray]
) -> np.ndarray:
    """Applies BRISQUE's regression to features (N, 36): w exp(-g |x - c|^2) + b."""
    x = (features - parameters["mean"]) / parameters["scale"]
    distances = ((x[:, None] - parameters["centres"]) ** 2).sum(axis=-1)
    hidden = np.exp(-parameters["gamma"] * distances)
    return hidden @ parameters["weights"] + parameters["bias"]


def luminance(image: np.ndarray) -> np.ndarray:
    """Returns MATLAB's rgb2gray, rounded as there to levels of 255: float64 (H, W)."""
    return np.rint(image.astype(np.float64) @ [0.298936, 0.587043, 0.114021])


def image_features(y: np.ndarray) -> np.ndarray:
    """Returns the 36 features of BRISQUE: 18 at full and 18 at half size."""
    halves = [y, _half(y)]
    found = []
    for scale in halves:
        normal, _ = _normalised(scale)
        shape, left, right = _asymmetric_fit(normal)
        found += [shape, (left**2 + right**2) / 2]
        for product in _products(normal):
            shape, left, right = _asymmetric_fit(product)
            found += [shape, _mean(shape, left, right), left**2, right**2]
    return np.array(found)


def patch_features(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the 36 features of NIQE for each patch, (N, 36), and its sharpness (N,).

    The image is cropped at the right and the bottom to whole patches.
    """
    rows, columns = (length // PATCH for length in y.shape)
    y = y[: rows * PATCH, : columns * PATCH]
    scales, sharpness = [], np.empty(0)
    for side, scale in ((PATCH, y), (PATCH // 2, _half(y))):
        normal, deviation = _normalised(scale)
        patches = _patches(normal, side)
        if side == PATCH:
            sharpness = _patches(deviation, side).mean(axis=(1, 2))
        scales.append([_features_of_patch(patch) for patch in patches])
    return np.concatenate(scales, axis=1), sharpness


def _features_of_patch(normal: np.ndarray) -> list[float]:
    shape, left, right = _asymmetric_fit(normal)
    found = [shape, (_scale(shape, left) + _scale(shape, right)) / 2]
    for product in _products(normal):
        shape, left, right = _asymmetric_fit(product)
        found += [shape, _mean(shape, left, right)]
        found += [_scale(shape, left), _scale(shape, right)]
    return found


def _patches(values: np.ndarray, side: int) -> np.ndarray:
    rows, columns = values.shape[0] // side, values.shape[1] // side
    split = values.reshape(rows, side, columns, side).swapaxes(1, 2)
    return split.reshape(-1, side, side)


def _half(y: np.ndarray) -> np.ndarray:
    """The image at half size, bicubic with anti-aliasing as MATLAB's imresize."""
    height, width = (max(length // 2, 1) for length in y.shape)
    image = Image.fromarray(y.astype(np.float32))
    small = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(small, np.float64)


_TAPS = np.exp(-0.5 * (np.arange(-3, 4) / (7 / 6)) ** 2)
_TAPS /= _TAPS.sum()


def _smoothed(values: np.ndarray) -> np.ndarray:
    """The Gaussian window's mean; the border is repeated."""
    height, width = values.shape
    padded = np.pad(values, 3, mode="edge")
    rows = sum(t * padded[i : i + height] for i, t in enumerate(_TAPS))
    return sum(t * rows[:, i : i + width] for i, t in enumerate(_TAPS))  # pyright: ignore


def _normalised(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns n of the module's docstring, and d."""
    mean = _smoothed(y)
    deviation = np.sqrt(np.abs(_smoothed(y * y) - mean * mean))
    return (y - mean) / (deviation + 1), deviation


def _products(normal: np.ndarray) -> list[np.ndarray]:
    """Neighbours multiplied: to the right, below, and on the two diagonals.

    Beyond the border is the opposite one, as in the authors' code.
    """
    return [
        normal * np.roll(normal, shift, axis=(0, 1))
        for shift in ((0, 1), (1, 0), (1, 1), (1, -1))
    ]


_SHAPES = np.arange(0.2, 10.0005, 0.001)
_RATIOS = np.array(
    [
        math.exp(2 * math.lgamma(2 / g) - math.lgamma(1 / g) - math.lgamma(3 / g))
        for g in _SHAPES
    ]
)


def _asymmetric_fit(values: np.ndarray) -> tuple[float, float, float]:
    """Fits an asymmetric generalised normal distribution by its moments.

    Returns:
        The shape, and the deviations of the numbers below and above zero.
    """
    below, above = values[values < 0], values[values > 0]
    left = math.sqrt(np.mean(below**2)) if below.size else 0.0
    right = math.sqrt(np.mean(above**2)) if above.size else 0.0
    square = float(np.mean(values**2))
    if square < 1e-12 or min(left, right) == 0:  # Plain: no distribution to speak of.
        return float(_SHAPES[-1]), left, right
    ratio = float(np.mean(np.abs(values)) ** 2 / square)
    skew = left / right
    ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    index = min(int(np.searchsorted(_RATIOS, ratio)), len(_SHAPES) - 1)
    return float(_SHAPES[index]), left, right


def _scale(shape: float, deviation: float) -> float:
    return deviation * math.exp((math.lgamma(1 / shape) - math.lgamma(3 / shape)) / 2)


def _mean(shape: float, left: float, right: float) -> float:
    ratio = math.exp(
        math.lgamma(2 / shape) - (math.lgamma(1 / shape) + math.lgamma(3 / shape)) / 2
    )
    return (right - left) * ratio


def _require_size(image: np.ndarray, side: int) -> None:
    height, width = image.shape[:2]
    if min(height, width) < side:
        raise InputError(
            f"Expected an image of at least {side} x {side} pixels. "
            f"Received: {height} x {width}"
        )
