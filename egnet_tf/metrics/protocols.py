"""The named ways of scoring a restored image; docs/evaluate.md explains them."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from egnet_tf.metrics.psnr import psnr, require_comparable, require_window

# OpenCV and scikit-image are imported where they are used: commands that only need the
# protocols' names should not wait for them.


@dataclass(frozen=True)
class Score:
    """How close a restored image is to the sharp one.

    Attributes:
        psnr: dB; infinity for identical images, NaN if the comparison failed.
        ssim: at most 1; NaN if the comparison failed.
        failure: the reason why the images could not be compared, else "".
    """

    psnr: float
    ssim: float
    failure: str = ""


@dataclass(frozen=True)
class Protocol:
    """A named, exactly defined way of scoring.

    Attributes:
        name: what `--protocol` takes.
        definition: the measure in one sentence.
        libraries: those whose versions may change the numbers.
        score: uint8 (H, W, 3) restored, sharp -> Score.
    """

    name: str
    definition: str
    libraries: tuple[str, ...]
    score: Callable[[np.ndarray, np.ndarray], Score]

    @property
    def versions(self) -> dict[str, str]:
        """The installed version of each of `libraries`."""
        return {
            name: importlib.import_module(name).__version__ for name in self.libraries
        }

    @property
    def description(self) -> str:
        """Definition and versions, which belong beside every number."""
        versions = ", ".join(f"{name} {v}" for name, v in self.versions.items())
        return f"{self.name}: {self.definition} [{versions}]"


def _plain(restored: np.ndarray, sharp: np.ndarray) -> Score:
    require_comparable(restored, sharp)
    require_window(sharp, 11)
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    with np.errstate(divide="ignore"):  # identical images: infinity, as defined
        ratio = peak_signal_noise_ratio(sharp, restored, data_range=255)
    similarity = structural_similarity(
        sharp,
        restored,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=-1,
    )
    return Score(float(ratio), float(similarity))  # pyright: ignore[reportArgumentType]


def _gopro(restored: np.ndarray, sharp: np.ndarray) -> Score:
    from egnet_tf.metrics.ssim import ssim_volume

    return Score(psnr(restored, sharp), ssim_volume(restored, sharp))


def _realblur(restored: np.ndarray, sharp: np.ndarray) -> Score:
    from egnet_tf.metrics import realblur

    try:
        aligned = realblur.align(restored, sharp)
    except realblur.AlignmentError as error:
        return Score(math.nan, math.nan, failure=str(error))
    return Score(realblur.aligned_psnr(aligned), realblur.aligned_ssim(aligned))


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "plain",
            "scikit-image's PSNR of uint8 RGB and its SSIM per channel "
            "(Gaussian, sigma 1.5, population covariance); per-image mean",
            ("skimage", "numpy"),
            _plain,
        ),
        Protocol(
            "gopro",
            "PSNR of uint8 over all RGB values; SSIM of the RGB volume as MATLAB's "
            "ssim (11x11x11 Gaussian, sigma 1.5, replicated border); per-image mean",
            ("cv2", "numpy"),
            _gopro,
        ),
        Protocol(
            "realblur",
            "gain match and ECC homography to the sharp image (100 iterations, "
            "Gaussian size 5), masked PSNR, masked SSIM cropped by 5; per-image mean "
            "over the images whose alignment converged",
            ("cv2", "skimage", "numpy"),
            _realblur,
        ),
    )
}
