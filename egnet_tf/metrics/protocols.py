"""The named ways of scoring a restored image; docs/evaluate.md explains them."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import numpy as np

from egnet_tf.metrics.psnr import psnr, require_comparable, require_window

# OpenCV, scikit-image and lpips are imported where they are used: commands that only
# need the protocols' names should not wait for them.


@dataclass(frozen=True)
class Score:
    """How close a restored image is to the sharp one, or how good it is by itself.

    Attributes:
        psnr: dB; infinity for identical images, NaN if the comparison failed or the
            protocol has none.
        ssim: at most 1; NaN as for `psnr`.
        failure: the reason why the images could not be compared, else "".
        further: the protocol's other measures, see `Protocol.further`.
    """

    psnr: float
    ssim: float
    failure: str = ""
    further: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """A named, exactly defined way of scoring.

    Attributes:
        name: what `--protocol` takes.
        definition: the measure in one sentence.
        libraries: those whose versions may change the numbers.
        score: uint8 (H, W, 3) restored, sharp -> Score.
        further: names of the measures that `Score.further` has; where there are any,
            there is no PSNR and no SSIM.
        needs_sharp: whether the sharp image is looked at; otherwise it may be None.
    """

    name: str
    definition: str
    libraries: tuple[str, ...]
    score: Callable[[np.ndarray, Any], Score]
    further: tuple[str, ...] = ()
    needs_sharp: bool = True

    @property
    def versions(self) -> dict[str, str]:
        """The installed version of each of `libraries`."""
        return {name: _version(name) for name in self.libraries}

    @property
    def description(self) -> str:
        """Definition and versions, which belong beside every number."""
        versions = ", ".join(f"{name} {v}" for name, v in self.versions.items())
        return f"{self.name}: {self.definition} [{versions}]"


def _version(library: str) -> str:
    module = importlib.import_module(library)
    return getattr(module, "__version__", None) or metadata.version(library)


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


def _noreference(restored: np.ndarray, _: object) -> Score:
    from egnet_tf.metrics.noreference import brisque, niqe

    further = {"niqe": niqe(restored), "brisque": brisque(restored)}
    return Score(math.nan, math.nan, further=further)


def _lpips(restored: np.ndarray, sharp: np.ndarray) -> Score:
    from egnet_tf.metrics.perceptual import lpips_alex

    require_comparable(restored, sharp)
    further = {"lpips": lpips_alex(restored, sharp)}
    return Score(math.nan, math.nan, further=further)


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
        Protocol(
            "noreference",
            "NIQE and BRISQUE of the image alone, lower is better, fitted by this "
            "project (egnet_tf/metrics/noreference.py): for rankings, not to compare "
            "with numbers of other implementations; per-image mean",
            ("numpy", "PIL"),
            _noreference,
            further=("niqe", "brisque"),
            needs_sharp=False,
        ),
        Protocol(
            "lpips",
            "LPIPS of version 0.1 with AlexNet (Zhang et al., CVPR 2018), lower is "
            "better; per-image mean",
            ("lpips", "torch", "torchvision"),
            _lpips,
            further=("lpips",),
        ),
    )
}

PSNR_PROTOCOLS = tuple(name for name, x in PROTOCOLS.items() if not x.further)
"""The names of those that give PSNR and SSIM."""
