"""Fits the network of `egnet_tf.metrics.blur`: what wrote blur.json.

    python -m egnet_tf.metrics.fit_blur --photos=sharp_photos --windows=9000

Windows of sharp photographs, made smaller so that they are sharp to the pixel, are
blurred in linear light by kernels of known length and become 8-bit JPEG. The
photographs of every seventh window's file are held out; the error on them is printed.
Needs the extra `train`.
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
from egnet_tf.data.synthesis.camera_shake import (
    kernel_of,
    random_trajectory,
    shake,
    spread,
)
from egnet_tf.errors import InputError
from egnet_tf.images.find import find_images
from egnet_tf.images.read import read_image
from egnet_tf.metrics import blur
from egnet_tf.metrics.parameters import write_parameters
from egnet_tf.options import option

_HELD_OUT = 7
_LONGEST = 72.0
_MARGIN = 48
_DOUBT = 0.6


@dataclasses.dataclass(frozen=True)
class Options:
    """What to fit on."""

    photos: str = option("", "Folder of sharp photographs.")
    windows: int = option(9000, "How many windows.", lower=100)
    output: str = option(
        str(Path(blur.__file__).with_name("blur.json")), "File to write."
    )


def define_flags(values: FlagValues) -> None:
    """Defines the flags of the command."""
    flags.define(Options, values)


def main(values: FlagValues) -> None:
    """Draws the windows, fits, prints the error, writes the file."""
    options = flags.read(Options, values)
    if not options.photos:
        raise InputError("Expected --photos. Received: nothing")
    photos = sorted(find_images(Path(options.photos)).values())
    features, lengths, origins = _draw(photos, options.windows)
    held_out = origins % _HELD_OUT == 0
    fitted = _fit(features[~held_out], np.log2(lengths[~held_out]))
    result = _apply(fitted, features[held_out])
    error = result[:, 0] - np.log2(lengths[held_out])
    sure = result[:, 1] <= _DOUBT
    print(
        f"held out: {held_out.sum()} windows of {len(set(origins[held_out]))} photos, "
        f"{sure.mean():.0%} of them with enough detail; of these the length is wrong "
        f"by a factor of {2 ** np.median(np.abs(error[sure])):.2f} (median), "
        f"{2 ** np.quantile(np.abs(error[sure]), 0.9):.2f} (90%)"
    )
    fitted_on = {
        "fitted_on": f"{(~held_out).sum()} windows of {len(photos)} photographs "
        f"({Path(options.photos).name}), every {_HELD_OUT}th photograph held out; "
        "blurred by egnet_tf.metrics.fit_blur",
        "doubt": _DOUBT,
    }
    write_parameters(options.output, fitted_on, fitted)


def _draw(photos: list[Path], count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns features (N, 89), lengths (N,) and the photo's number (N,)."""
    each = -(-count // len(photos))
    rows: list[tuple[np.ndarray, float, int]] = []
    for number, path in enumerate(tqdm(photos)):
        rng = np.random.default_rng([0, number])
        photo = Image.fromarray(read_image(path))
        for _ in range(each):
            sharp = _sharp_window(photo, rng)
            if sharp is None:
                break
            rows.append((*_blurred(sharp, rng), number))
    features, lengths, origins = zip(*rows, strict=True)
    return np.array(features), np.array(lengths), np.array(origins)


def _sharp_window(photo: Image.Image, rng: np.random.Generator) -> np.ndarray | None:
    """A window with a margin, of the photo made 1.4 to 3 times smaller."""
    side = blur.WINDOW + 2 * _MARGIN
    factor = min(rng.uniform(1.4, 3.0), min(photo.size) / side)
    if factor < 1.2:
        return None
    left, top = (int(rng.integers(0, x - int(side * factor) + 1)) for x in photo.size)
    box = (left, top, left + int(side * factor), top + int(side * factor))
    window = photo.resize((side, side), Image.Resampling.BOX, box)
    return np.asarray(window)


def _blurred(sharp: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Blurs a window; returns its features and the length of the blur."""
    kernel = _kernel(rng)
    image = sharp
    if rng.random() < 0.3:  # Darker photos.
        image = (image * rng.uniform(0.2, 1.0)).astype(np.uint8)
    image = shake(image, kernel, rng)[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    if rng.random() < 0.8:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=int(rng.integers(60, 98)))
        image = np.asarray(Image.open(buffer))
    place = np.stack(np.nonzero(kernel))
    weights = kernel[tuple(place)]
    covariance = np.cov(place, aweights=weights, ddof=0)
    pixel = np.eye(2) / 12  # A pixel's own box.
    length = np.sqrt(12 * np.linalg.eigvalsh(covariance + pixel)[-1])
    luma = blur.windows(image)[0]
    return blur.window_features(luma), float(length)


def _kernel(rng: np.random.Generator) -> np.ndarray:
    """A sharp point, hand movements, even movements, or out of focus; and softness."""
    import cv2

    kind = rng.choice(["sharp", "hand", "line", "disc"], p=[0.15, 0.45, 0.25, 0.15])
    length = 2 * (_LONGEST / 2) ** rng.random()
    if kind == "hand":
        kernel = kernel_of(random_trajectory(rng, max_extent=length))
    elif kind == "line":
        angle = rng.uniform(0, np.pi)
        along = np.linspace(-length / 2, length / 2, 400)
        kernel = spread(np.stack([along * np.cos(angle), along * np.sin(angle)]))
    elif kind == "disc":
        radius = min(length, 30.0) / 3**0.5
        points = rng.uniform(-radius, radius, (2, 20000))
        kernel = spread(points[:, np.hypot(*points) <= radius])
    else:
        kernel = np.ones((1, 1), np.float32)
    kernel = np.pad(kernel, 4)
    softness = rng.uniform(0.0, 0.9)
    if softness > 0.2:
        kernel = cv2.GaussianBlur(kernel, (9, 9), softness)
    return kernel / kernel.sum()


def _fit(features: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    mean, scale = features.mean(axis=0), features.std(axis=0)
    network = keras.Sequential(
        [keras.layers.Dense(32, activation="tanh"), keras.layers.Dense(2)]
    )

    def surprise(length: tf.Tensor, result: tf.Tensor) -> tf.Tensor:
        """The negative logarithm of a normal density."""
        error, doubt = length[:, 0] - result[:, 0], result[:, 1]
        return doubt + 0.5 * tf.exp(-2 * doubt) * error**2

    epochs, batch = 150, 128
    steps = epochs * -(-len(target) // batch)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=2e-3)  # pyright: ignore
    network.compile(optimizer, surprise)
    network.fit(
        (features - mean) / scale,
        target[:, None],
        batch_size=batch,
        epochs=epochs,
        verbose=0,  # pyright: ignore[reportArgumentType]
    )
    names = ("weights1", "bias1", "weights2", "bias2")
    arrays = dict(zip(names, map(np.asarray, network.get_weights()), strict=True))
    return {"mean": mean, "scale": scale, **arrays}


def _apply(fitted: dict[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    hidden = (features - fitted["mean"]) / fitted["scale"] @ fitted["weights1"]
    return np.tanh(hidden + fitted["bias1"]) @ fitted["weights2"] + fitted["bias2"]


if __name__ == "__main__":
    app.run(define_flags, main)
