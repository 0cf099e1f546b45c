"""Fits NIQE and BRISQUE of `egnet_tf.metrics.noreference`: wrote their JSON files.

    python -m egnet_tf.metrics.fit_noreference --photos=sharp_photos

NIQE gets the normal distribution of the features of the sharpest patches of the
photographs. BRISQUE learns 300 GMSD of photographs that are blurred, blurred by motion,
noisy or compressed, by five degrees: the gradient magnitude similarity deviation from
the sharp one, which follows people's opinions closely (Xue et al., IEEE TIP 23(2),
2014). Needs the extra `train`.
"""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
from absl.flags import FlagValues
from PIL import Image
from tqdm import tqdm

from egnet_tf.cli import app, flags
from egnet_tf.data.synthesis.camera_shake import random_kernel, shake
from egnet_tf.errors import InputError
from egnet_tf.images.find import find_images
from egnet_tf.images.read import read_image
from egnet_tf.metrics import noreference
from egnet_tf.metrics.parameters import write_parameters
from egnet_tf.options import option

_SIDE = 256
_CENTRES = 128
_HELD_OUT = 5


@dataclasses.dataclass(frozen=True)
class Options:
    """What to fit on."""

    photos: str = option("", "Folder of sharp photographs.")
    count: int = option(80, "How many of them, evenly spread.", lower=10)
    output: str = option(str(Path(__file__).parent), "Folder to write to.")


def define_flags(values: FlagValues) -> None:
    """Defines the flags of the command."""
    flags.define(Options, values)


def main(values: FlagValues) -> None:
    """Fits both, prints BRISQUE's error on held-out photographs, writes the files."""
    options = flags.read(Options, values)
    if not options.photos:
        raise InputError("Expected --photos. Received: nothing")
    photos = sorted(find_images(Path(options.photos)).values())
    step = max(len(photos) / options.count, 1)
    photos = [photos[int(i * step)] for i in range(min(options.count, len(photos)))]
    patches, features, labels, origins = [], [], [], []
    for number, path in enumerate(tqdm(photos)):
        rng = np.random.default_rng([1, number])
        sharp = _reduced(read_image(path))
        if min(sharp.shape[:2]) < 2 * noreference.PATCH:
            continue
        found, sharpness = noreference.patch_features(noreference.luminance(sharp))
        patches.append(found[sharpness > noreference.SHARPEST * sharpness.max()])
        if number % 2:
            continue
        for image, label in _spoiled(sharp[:_SIDE, :_SIDE], rng):
            features.append(noreference.image_features(noreference.luminance(image)))
            labels.append(label)
            origins.append(number)
    about = f"{len(patches)} photographs ({Path(options.photos).name})"
    every = np.concatenate(patches)
    write_parameters(
        Path(options.output) / "niqe.json",
        {"fitted_on": f"{len(every)} patches of {about}"},
        {"mean": every.mean(axis=0), "covariance": np.cov(every, rowvar=False)},
    )
    held_out = np.array(origins) % _HELD_OUT == 0
    x, y = np.array(features), np.array(labels)
    fitted = _fit(x[~held_out], y[~held_out])
    guessed = noreference.radial_network(x[held_out], fitted)
    error = np.sqrt(np.mean((guessed - y[held_out]) ** 2))
    print(
        f"BRISQUE on {held_out.sum()} held-out images: deviation {error:.1f} of "
        f"{y.std():.1f}, correlation {np.corrcoef(guessed, y[held_out])[0, 1]:.3f}"
    )
    said = f"300 GMSD of {(~held_out).sum()} spoiled images of half of {about}, every "
    fitted_on = {"fitted_on": f"{said}{_HELD_OUT}th photograph held out"}
    write_parameters(Path(options.output) / "brisque.json", fitted_on, fitted)


def _reduced(image: np.ndarray) -> np.ndarray:
    """Half the size, so that it is sharp to the pixel, if it is large enough."""
    height, width = (length // 2 for length in image.shape[:2])
    if min(height, width) < 2 * noreference.PATCH:
        return image
    small = Image.fromarray(image).resize((width, height), Image.Resampling.BOX)
    return np.asarray(small)


def _spoiled(
    sharp: np.ndarray, rng: np.random.Generator
) -> list[tuple[np.ndarray, float]]:
    """The image and 20 spoiled ones, each with its label."""
    import cv2

    images = [sharp]
    for degree in range(1, 6):
        sigma = 0.5 * 1.6**degree * rng.uniform(0.7, 1.3)
        images.append(cv2.GaussianBlur(sharp, (0, 0), sigma))
        noise = rng.normal(0, 2.5 * 1.7**degree, sharp.shape)
        images.append(np.clip(np.rint(sharp + noise), 0, 255).astype(np.uint8))
        buffer = io.BytesIO()
        quality = int(90 * 0.55 ** (degree - 1))
        Image.fromarray(sharp).save(buffer, "JPEG", quality=quality)
        images.append(np.asarray(Image.open(buffer)))
        kernel = random_kernel(rng, max_extent=3.0 * 1.6**degree)
        images.append(shake(sharp, kernel, rng))
    return [(image, _label(image, sharp)) for image in images]


def _label(image: np.ndarray, sharp: np.ndarray) -> float:
    """300 GMSD: 0 for the sharp image, about 100 for what is hardly recognised."""
    one, other = (_steepness(noreference.luminance(x)) for x in (image, sharp))
    similar = (2 * one * other + 170) / (one**2 + other**2 + 170)
    return 300 * float(similar.std())


def _steepness(y: np.ndarray) -> np.ndarray:
    """The length of Prewitt's gradient at half size."""
    height, width = (length // 2 * 2 for length in y.shape)
    y = y[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    rows, columns = (y[2:] - y[:-2]) / 3, (y[:, 2:] - y[:, :-2]) / 3
    down = rows[:, 2:] + rows[:, 1:-1] + rows[:, :-2]
    right = columns[2:] + columns[1:-1] + columns[:-2]
    return np.hypot(down, right)


def _fit(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Ridge regression on radial functions around examples that are drawn."""
    mean, scale = x.mean(axis=0), x.std(axis=0)
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(x), _CENTRES, replace=False)
    fitted = {
        "mean": mean,
        "scale": scale,
        "centres": (x[chosen] - mean) / scale,
        "gamma": np.float64(0.03),
        "bias": np.float64(y.mean()),
    }
    columns = [
        noreference.radial_network(x, {**fitted, "weights": unit, "bias": 0.0})  # pyright: ignore
        for unit in np.eye(_CENTRES)
    ]
    hidden = np.stack(columns, axis=1)
    ridge = hidden.T @ hidden + 0.01 * np.eye(_CENTRES)
    weights = np.linalg.solve(ridge, hidden.T @ (y - y.mean()))
    return {**fitted, "weights": weights}


if __name__ == "__main__":
    app.run(define_flags, main)
