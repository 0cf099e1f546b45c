"""The options of all synthetic blur, from which the flags of each dataset are made."""

from __future__ import annotations

import dataclasses
import fnmatch

import numpy as np

from egnet_tf.options import check, option


def _fraction(default: float, help: str) -> float:
    return option(default, help, lower=0.0, upper=1.0)


@dataclasses.dataclass(frozen=True)
class BlurOptions:
    """How blur is made, and what the camera does to it; see `synthesis.camera`.

    A fraction is that of the training crops, or of the whole photographs when they are
    read for testing.
    """

    linear_fraction: float = _fraction(
        0.0,
        "The fraction of the synthetic blur that is averaged in linear light; the rest "
        "is averaged in stored values, as in the frames of GoPro.",
    )
    lights_fraction: float = _fraction(
        0.0,
        "The fraction of the synthetic blur in linear light in which clipped lights "
        "are brighter than white, so that they draw lines.",
    )
    noise: float = option(
        1.0,
        "The factor on the standard deviation of the noise that is added to synthetic "
        "blur; 0 adds none.",
        lower=0.0,
    )
    demosaic_fraction: float = _fraction(
        0.0,
        "The fraction of the synthetic blur whose noise is correlated between "
        "neighbouring pixels, as demosaicing makes it.",
    )
    denoise_fraction: float = _fraction(
        0.0, "The fraction of the synthetic blur that is denoised as by a camera."
    )
    sharpen_fraction: float = _fraction(
        0.0, "The fraction of the synthetic blur that is sharpened as by a camera."
    )
    jpeg_fraction: float = _fraction(
        0.0,
        "The fraction of the synthetic blur that is compressed as JPEG, with a quality "
        "of 70 to 98, half of it with chroma subsampling.",
    )
    rotation_fraction: float = _fraction(
        0.0,
        "The fraction of the synthetic blur that varies over the image, because the "
        "camera rotates and rolls.",
    )
    defocus_fraction: float = _fraction(
        0.0,
        "The fraction of the synthetic blur that is also out of focus, by discs of a "
        "radius of up to 2 pixels.",
    )
    native: tuple[str, ...] = option(
        (),
        "Patterns of the names of photographs that are as soft as a camera made them, "
        "such as phone/*, and are therefore not upscaled before they are blurred.",
    )

    def __post_init__(self):
        check(self)

    def is_native(self, name: str) -> bool:
        """Whether a photograph of that name is not to be upscaled."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.native)


def happens(fraction: float, rng: np.random.Generator) -> bool:
    """Whether something happens that does in this fraction of all cases.

    At 0 and 1 no number is drawn, so that an effect that is off changes nothing else.
    """
    return fraction >= 1 or (fraction > 0 and rng.random() < fraction)
