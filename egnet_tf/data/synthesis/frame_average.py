r"""Synthetic camera motion: averaged frames, as in GoPro.

GoPro's blurry images are means of m successive frames at 240 a second, its sharp ones
the frame in the middle (Nah et al., CVPR 2017, Section 2). The model makes such pairs
from photographs:

1. Softness. The photograph is resized by f, ln f uniform in [ln 0.8, ln 3]; see
   `upsampling`.
2. Motion. The camera moves steadily. With t in [-1/2, 1/2] the time of the exposure,
   a point moves over the sensor by

       p(t) = e t + a t^2 + b t^3,    a ~ N(0, 0.5^2 I), b ~ N(0, 0.6^2 I),

   e a random direction, scaled so that the longer side of the bounding box has L
   pixels, ln L uniform in [ln 3, ln 36].
3. Frames. m of 7, 9, 11 or 13, each exposed for a share d of its time, d uniform in
   [0.2, 1]. K(u) is the share of all exposures that the point spends at u, relative to
   where it is in the middle of the middle frame.
4. Mean. Stored values are averaged, as in GoPro's `blur`, not light:
   blurry = K * sharp + N(0, s^2), s up to one grey level.
5. Moving objects. In a share of the crops a part of another photograph moves in
   front. With its mask M and both motions K1, K2

       sharp  = M s2 + (1 - M) s1
       blurry = K2 * (M s2) + (1 - K2 * M) (K1 * s1).

Measurements with photographs of real cameras: docs/experiments/mobile_network.md.
"""

from __future__ import annotations

import numpy as np

from egnet_tf.data.datasets.frames import WINDOWS
from egnet_tf.data.synthesis.camera_shake import spread

_EXTENTS = (3.0, 36.0)
_BENDS = (0.5, 0.6)
_MIN_EXPOSED = 0.2
_SAMPLES = 400
_NOISE = 1.0
_MASK_CELLS = 6


def random_pan(rng: np.random.Generator) -> np.ndarray:
    """The kernel of a steady motion over all frames (steps 2 and 3).

    Returns:
        float32 (S, S), S odd, sums to 1; its centre is the middle of the middle frame.
    """
    time = np.linspace(-0.5, 0.5, _SAMPLES + 1)
    angle = rng.uniform(0, 2 * np.pi)
    bends = [rng.normal(0, deviation, 2) for deviation in _BENDS]
    path = np.outer([np.cos(angle), np.sin(angle)], time)
    for power, bend in enumerate(bends, start=2):
        path += np.outer(bend, time**power)
    extent = np.exp(rng.uniform(*np.log(_EXTENTS)))
    path *= extent / np.ptp(path, axis=1).max()

    frames = rng.choice(WINDOWS)
    exposed = rng.uniform(_MIN_EXPOSED, 1.0)
    # With an odd number of frames, the middle one is centred at time 0.
    phase = (time * frames + 0.5) % 1.0
    return spread(path[:, np.abs(phase - 0.5) <= exposed / 2])


def random_mask(side: int, rng: np.random.Generator) -> np.ndarray:
    """The outline of a moving object (step 5): smooth blobs with edges a pixel wide.

    Returns:
        float32 (side, side, 1) in [0, 1].
    """
    import cv2  # Of the extra `train`.

    coarse = rng.standard_normal((_MASK_CELLS, _MASK_CELLS)).astype(np.float32)
    field = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    inside = (field > rng.uniform(-0.3, 0.8)).astype(np.float32)
    return cv2.GaussianBlur(inside, (0, 0), 0.7)[..., None]


def blur(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """K * image on stored values (step 4), float32 (H, W, C); borders are mirrored."""
    import cv2  # Of the extra `train`.

    # filter2D correlates; with the kernel rotated by 180 degrees, it convolves.
    result = cv2.filter2D(
        image, cv2.CV_32F, kernel[::-1, ::-1], borderType=cv2.BORDER_REFLECT_101
    )
    return result.reshape(image.shape)


def composite_moving_object(
    scene: np.ndarray,
    moving: np.ndarray,
    mask: np.ndarray,
    kernels: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """An object that moves independently in front of a scene (step 5).

    The scene s1 and the moving s2 are float32 (H, W, 3), the mask M is (H, W, 1), the
    kernels are K1 and K2.

    Returns:
        Blurry and sharp, float32 (H, W, 3).
    """
    behind, before = kernels
    cover = blur(mask, before)
    blurry = blur(mask * moving, before) + (1 - cover) * blur(scene, behind)
    return blurry, mask * moving + (1 - mask) * scene


def add_noise_and_quantize(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Adds the noise of step 4 and rounds: float32 0 to 255 -> uint8."""
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    noise *= rng.uniform(0, _NOISE)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
