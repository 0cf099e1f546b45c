"""The aligned comparison of the RealBlur benchmark (Rim et al., ECCV 2020).

RealBlur's blurry and sharp images come from two cameras behind a beam splitter: they
differ by a small homography and by exposure. A restored image inherits both from the
blurry one, so it is matched to the sharp image before it is compared:

1. gain: z <- (sum(x z) / sum(z z)) z, where x is the sharp, z the restored image;
2. a homography by ECC maximisation on the grey images, 100 iterations from the
   identity, smoothed by a Gaussian of size 5;
3. z is warped (bicubic, reflected border); a mask marks what came from inside z, and
   both images are multiplied by it;
4. PSNR with the squared error divided by the sum of the mask;
5. SSIM with a Gaussian of sigma 1.5, its map multiplied by the mask, cropped by 5
   pixels, divided by the cropped mask's sum per channel, then averaged.

Values depend on OpenCV's ECC, whose numbers may move between versions: name the version
beside a result.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from egnet_tf.images.convert import to_float
from egnet_tf.metrics.psnr import require_comparable, require_window

_ITERATIONS = 100
_SMOOTHING = 5
_CROP = 5  # the radius of the SSIM's window, int(3.5 * 1.5 + 0.5)
_INSIDE = (slice(_CROP, -_CROP), slice(_CROP, -_CROP))


class AlignmentError(Exception):
    """No homography was found that maps the restored image onto the sharp one."""


class Aligned(NamedTuple):
    """Two images that can be compared where the mask is 1."""

    restored: np.ndarray  # float32 (H, W, 3), matched and warped, 0 outside the mask
    sharp: np.ndarray  # float32 (H, W, 3) in [0, 1], 0 outside the mask
    mask: np.ndarray  # float32 (H, W, 3), 0 or 1
    homography: np.ndarray  # float32 (3, 3): sharp pixel (x, y, 1) -> restored pixel


def align(restored: np.ndarray, sharp: np.ndarray) -> Aligned:
    """Steps 1 to 3: matches gain and geometry of one uint8 (H, W, 3) to the other.

    Returns:
        The aligned images, their mask and the homography.

    Raises:
        InputError: the images cannot be compared, or are smaller than the SSIM's
            window of 11 pixels.
        AlignmentError: the alignment does not converge (an image without structure,
            or two images that do not show the same scene).
    """
    import cv2  # Of the extra `train`.

    require_comparable(restored, sharp)
    require_window(sharp, 2 * _CROP + 1)
    x, z = to_float(sharp), to_float(restored)
    energy = np.sum(z * z, dtype=np.float64)
    if energy == 0:
        raise AlignmentError("the restored image is black")
    z = (np.sum(x * z, dtype=np.float64) / energy).astype(np.float32) * z

    homography = _find_homography(x, z)
    height, width = x.shape[:2]
    warped = cv2.warpPerspective(
        z,
        homography,
        (width, height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
    mask = cv2.warpPerspective(
        np.ones_like(z),
        homography,
        (width, height),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    if not mask[_INSIDE].any():
        raise AlignmentError("the aligned images do not overlap")
    return Aligned(warped * mask, x * mask, mask, homography)


def _find_homography(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    import cv2  # Of the extra `train`.

    # With a precision of 0 all iterations are run.
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ITERATIONS, 0)
    try:
        correlation, homography = cv2.findTransformECC(  # pyright: ignore[reportCallIssue]
            cv2.cvtColor(x, cv2.COLOR_RGB2GRAY),
            cv2.cvtColor(z, cv2.COLOR_RGB2GRAY),
            np.eye(3, dtype=np.float32),
            cv2.MOTION_HOMOGRAPHY,
            criteria,
            None,  # pyright: ignore[reportArgumentType]
            _SMOOTHING,
        )
    except cv2.error as error:
        if error.code != cv2.Error.StsNoConv:
            raise
        raise AlignmentError("the alignment did not converge") from error
    if not (math.isfinite(correlation) and np.all(np.isfinite(homography))):
        raise AlignmentError("the alignment did not converge")
    return homography


def aligned_psnr(aligned: Aligned) -> float:
    """Step 4: 10 log10(sum(mask) / sum(difference^2)) dB; infinity if identical."""
    difference = aligned.sharp.astype(np.float64) - aligned.restored
    squared_error = float(np.sum(difference * difference))
    if squared_error == 0:
        return math.inf
    return 10 * math.log10(np.sum(aligned.mask, dtype=np.float64) / squared_error)


def aligned_ssim(aligned: Aligned) -> float:
    """Step 5: the masked SSIM, at most 1."""
    from skimage.metrics import structural_similarity  # Of the extra `train`.

    # float64: scikit-image computes in the type it is given, the benchmark's version
    # always computed in double precision.
    _, similarity = structural_similarity(  # pyright: ignore[reportAssignmentType]
        aligned.sharp.astype(np.float64),
        aligned.restored.astype(np.float64),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
        channel_axis=-1,
        full=True,
    )
    mask = aligned.mask[_INSIDE].astype(np.float64)
    per_channel = (similarity[_INSIDE] * mask).sum((0, 1)) / mask.sum((0, 1))
    return float(np.mean(per_channel))
