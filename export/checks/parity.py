"""How far an exported file is from the Keras model it came from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from egnet_tf.data import Pair
from egnet_tf.metrics import protocol_named


class Parity(NamedTuple):
    """An exported file beside its Keras model, on photographs.

    PSNR and SSIM are of the protocol `plain` against the sharp photographs, the mean
    of all windows.

    Attributes:
        photographs: how many windows of photographs were restored.
        largest_difference: from Keras, of a value in [0, 1].
        psnr_to_keras: PSNR of the file's images against those of Keras, before
            rounding, in dB.
        psnr_blurry: of what goes in.
        psnr_keras: of what the Keras model restores.
        psnr: of what the file restores.
        ssim_keras: likewise.
        ssim: likewise.
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
    """What an exported file may differ by.

    Attributes:
        difference: the largest difference of a value in [0, 1]; infinite where the
            loss in dB says it better (integer arithmetic).
        db_lost: the most dB of PSNR lost against the sharp photographs.
    """

    difference: float
    db_lost: float

    def broken_by(self, parity: Parity) -> str:
        """Says what is above the tolerance; an empty text if nothing is."""
        # Not `>`: a NaN must not pass.
        if not parity.largest_difference <= self.difference:
            return f"a difference of {parity.largest_difference:.2g}"
        if not parity.db_lost <= self.db_lost:
            return f"{parity.db_lost:.3f} dB lost"
        return ""

    def __str__(self) -> str:
        """As in "at most ..."."""
        lost = f"{self.db_lost:g} dB lost"
        if math.isinf(self.difference):
            return lost
        return f"a difference of {self.difference:g} and {lost}"


def measure(
    pairs: Sequence[Pair],
    expected: Sequence[np.ndarray],
    restored: Sequence[np.ndarray],
) -> Parity:
    """Compares what a file restored with what Keras did.

    Args:
        pairs: the photographs, uint8 (H, W, 3).
        expected: of Keras, float32 (H, W, 3) in [0, 1].
        restored: of the file, likewise.
    """
    differences = [
        np.asarray(r, np.float64) - e for r, e in zip(restored, expected, strict=True)
    ]
    squares = sum(float(np.sum(d * d)) for d in differences)
    mean_square = squares / sum(d.size for d in differences)
    blurry, keras, file = (
        [_score(image, pair.sharp) for image, pair in zip(of, pairs, strict=True)]
        for of in ([p.blurry / 255 for p in pairs], expected, restored)
    )
    psnr_keras, psnr = (np.mean([s.psnr for s in of]) for of in (keras, file))
    return Parity(
        photographs=len(pairs),
        largest_difference=float(np.max([np.max(np.abs(d)) for d in differences])),
        psnr_to_keras=-10 * math.log10(mean_square) if mean_square else math.inf,
        psnr_blurry=float(np.mean([s.psnr for s in blurry])),
        psnr_keras=float(psnr_keras),
        psnr=float(psnr),
        ssim_keras=float(np.mean([s.ssim for s in keras])),
        ssim=float(np.mean([s.ssim for s in file])),
        db_lost=float(psnr_keras - psnr),
    )


def _score(image: np.ndarray, sharp: np.ndarray):
    # NaN becomes 0 here and is seen in the largest difference.
    levels = np.rint(255 * np.clip(np.nan_to_num(image), 0, 1)).astype(np.uint8)
    return protocol_named("plain").score(levels, sharp)
