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
   blurry = K * sharp + N(0, s^2), s up to one grey level. `camera` has alternatives.
5. Moving objects. In a share of the crops parts of other photographs move in front,
   one in front of the other. With the next one's image s2, mask M and motion K2, and
   what is behind it,

       sharp  = M s2 + (1 - M) sharp
       blurry = K2 * (M s2) + (1 - K2 * M) blurry.

Measurements with photographs of real cameras: docs/experiments/mobile_network.md.
"""

from __future__ import annotations

import numpy as np

from egnet_tf.data.datasets.frames import WINDOWS
from egnet_tf.data.synthesis.motion import Motion

EDGE = 0.7
"""The softness of an outline, a Gaussian's deviation, whose edge is a pixel wide."""

_EXTENTS = (3.0, 36.0)
_BENDS = (0.5, 0.6)
_MIN_EXPOSED = 0.2
_SAMPLES = 400
_MASK_CELLS = 6


def random_pan(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A steady motion over all frames (steps 2 and 3).

    Returns:
        (2, N), columns and rows in pixels at equal steps of the time for which the
        frames are exposed, relative to the middle of the middle frame; and (N,), those
        times, from -1/2 to 1/2.
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
    open_ = np.abs(phase - 0.5) <= exposed / 2
    return path[:, open_], time[open_]


def random_mask(
    side: int, rng: np.random.Generator, *, max_softness: float = EDGE
) -> np.ndarray:
    """The outline of a moving object (step 5): smooth blobs.

    Their edges are those of a Gaussian, whose deviation's logarithm is uniform from
    `EDGE`, which is about a pixel, to `max_softness`.

    Returns:
        float32 (side, side, 1) in [0, 1].
    """
    import cv2  # Of the extra `train`.

    coarse = rng.standard_normal((_MASK_CELLS, _MASK_CELLS)).astype(np.float32)
    field = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    inside = (field > rng.uniform(-0.3, 0.8)).astype(np.float32)
    softness = EDGE
    if max_softness > EDGE:
        softness = np.exp(rng.uniform(*np.log((EDGE, max_softness))))
    return cv2.GaussianBlur(inside, (0, 0), softness)[..., None]


def composite_moving_object(
    behind: tuple[np.ndarray, np.ndarray],
    moving: np.ndarray,
    mask: np.ndarray,
    motion: Motion,
    margin: int,
) -> tuple[np.ndarray, np.ndarray]:
    """An object that moves independently in front of a scene (step 5).

    Args:
        behind: blurry and sharp, float32 (H, W, 3).
        moving: s2, float32 (H + 2 margin, W + 2 margin, 3).
        mask: M, float32, of that size, one channel.
        motion: K2.
        margin: the pixels on each side from which the object moves into the scene.

    Returns:
        Blurry and sharp, float32 (H, W, 3).
    """
    blurry, sharp = behind
    height, width = sharp.shape[:2]
    layer = np.concatenate([mask * moving, mask], axis=-1)
    moved = motion(layer, margin)
    still = layer[margin : margin + height, margin : margin + width]
    return (
        moved[..., :3] + (1 - moved[..., 3:]) * blurry,
        still[..., :3] + (1 - still[..., 3:]) * sharp,
    )
