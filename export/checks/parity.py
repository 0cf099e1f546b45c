"""How far an exported file is from the Keras model it came from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from egnet_tf.data import Pair
from egnet_tf.images.convert import to_float, to_uint8


class Parity(NamedTuple):
    """An exported file compared with its Keras model on images.

    PSNR and SSIM are those of the protocol `plain` against the sharp images, averaged
    over the images.

    Attributes:
        photographs: the number of images (windows of a dataset's images).
        largest_difference: from Keras, of a value in [0, 1].
        psnr_to_keras: PSNR of the file's images against those of Keras, before
            rounding, in dB.
        psnr_blurry: of the blurry images, in dB.
        psnr_keras: of the images that the Keras model restores, in dB.
        psnr: of the images that the file restores, in dB.
        ssim_keras: of the images that the Keras model restores.
        ssim: of the images that the file restores.
        db_lost: psnr_keras - psnr.
    """

    photographs: int
    largest_difference: float
    psnr_to_keras: float
    psnr_blurry: float
    psnr_keras: float
    psnr: float
    ssim_keras: float
    ssim: float
    db_lost: float


class Tolerance(NamedTuple):
    """The difference between an exported file and its Keras model that is accepted.

    Attributes:
        difference: the largest difference of a value in [0, 1]; infinite where the
            loss in dB is the better measure (integer arithmetic).
        db_lost: the largest loss of PSNR against the sharp images, in dB.
    """

    difference: float
    db_lost: float

    def broken_by(self, parity: Parity) -> str:
        """Names what is above the tolerance; empty if nothing is."""
        # Not `>`: a NaN must not pass.
        if not parity.largest_difference <= self.difference:
            return f"a difference of {parity.largest_difference:.2g}"
        if not parity.db_lost <= self.db_lost:
            return f"{parity.db_lost:.3f} dB lost"
        return ""

    def __str__(self) -> str:
        """As it follows the words "to stay within"."""
        lost = f"{self.db_lost:g} dB lost"
        if math.isinf(self.difference):
            return lost
        return f"a difference of {self.difference:g} and {lost}"


def measure(
    pairs: Sequence[Pair],
    expected: Sequence[np.ndarray],
    restored: Sequence[np.ndarray],
) -> Parity:
    """Compares what a file restored with what Keras restored.

    The pairs are uint8 (H, W, 3), the others float32 (H, W, 3) in [0, 1].
    """
    differences = [
        np.asarray(r, np.float64) - e for r, e in zip(restored, expected, strict=True)
    ]
    squares = sum(float(np.sum(d * d)) for d in differences)
    mean_square = squares / sum(d.size for d in differences)
    psnr_blurry, _ = _mean_scores([to_float(pair.blurry) for pair in pairs], pairs)
    psnr_keras, ssim_keras = _mean_scores(expected, pairs)
    psnr, ssim = _mean_scores(restored, pairs)
    return Parity(
        photographs=len(pairs),
        largest_difference=float(np.max([np.max(np.abs(d)) for d in differences])),
        psnr_to_keras=-10 * math.log10(mean_square) if mean_square else math.inf,
        psnr_blurry=psnr_blurry,
        psnr_keras=psnr_keras,
        psnr=psnr,
        ssim_keras=ssim_keras,
        ssim=ssim,
        db_lost=psnr_keras - psnr,
    )


def _mean_scores(
    images: Sequence[np.ndarray], pairs: Sequence[Pair]
) -> tuple[float, float]:
    # Imported here, because SciPy takes most of a second.
    from egnet_tf.metrics import PROTOCOLS

    scores = [
        # A NaN becomes 0 here; the largest difference shows it.
        PROTOCOLS["plain"].score(to_uint8(np.nan_to_num(image)), pair.sharp)
        for image, pair in zip(images, pairs, strict=True)
    ]
    psnrs, ssims = zip(*((score.psnr, score.ssim) for score in scores), strict=True)
    return float(np.mean(psnrs)), float(np.mean(ssims))
