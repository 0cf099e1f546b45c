r"""Synthetic camera shake: random hand movements, blur in linear light, sensor noise.

The model, for one exposure:

1. Trajectory. The projection of a still point moves over the sensor with inertia.
   In T equal steps of time

       x[t+1] = x[t] + v[t]
       v[t+1] = (1 - d) v[t] + s n[t] - k x[t] + j[t],   n[t] ~ N(0, I),

   with x[0] = 0, |v[0]| = 1 in a random direction, damping d (the arm), tremor s
   (muscle noise), restoring force k (the hand pulls the view back to its start)
   and rare jerks j[t] (the shutter being pressed) that throw the velocity into
   about the opposite direction. d, s, k and the rate of jerks differ from one
   exposure to the next. The path is scaled so that the longer side of its bounding
   box equals the chosen extent in pixels. Trajectories of this family are measured
   and discussed in Boracchi and Foi, "Modeling the performance of image restoration
   from motion blur", IEEE TIP 21(8), 2012.
2. Kernel. K(u) is the share of the exposure that the point spends at u: the path,
   sampled at least four times a pixel, each sample spread over its four neighbours
   by bilinear weights. K sums to 1 and its centroid is its centre, so that the
   sharp image stays aligned with the blurry one.
3. Light. The sensor adds up light, not sRGB numbers:

       blurry = sRGB(y + e),   y = K * linear(sharp),   e ~ N(0, a y + b^2),

   where sRGB and linear are the transfer functions of IEC 61966-2-1, a y is shot
   noise and b read noise, in units of full scale. `camera` has what else may happen.
"""

from __future__ import annotations

import numpy as np

from egnet_tf.data.synthesis.camera import Camera
from egnet_tf.data.synthesis.motion import blur

MAX_EXTENT = 30.0
"""Longest trajectories, in pixels: a hand-held exposure of about 1/4 s."""

_MIN_EXTENT = 2.0
_STEPS = 96
_SAMPLES_PER_PIXEL = 4


def random_trajectory(
    rng: np.random.Generator, *, max_extent: float = MAX_EXTENT
) -> np.ndarray:
    """Draws a hand movement (step 1 of the model).

    Args:
        rng: source of random numbers.
        max_extent: the extent's logarithm is uniform between 2 pixels and this, so
            that small shakes are more frequent than large ones; at 0 nothing moves.

    Returns:
        float64 (T, 2): column and row in pixels at equal steps of time, their mean
        at the origin.
    """
    shortest = min(_MIN_EXTENT, max_extent)
    ratio = max_extent / shortest if shortest else 1.0
    extent = shortest * ratio ** rng.uniform()
    damping = rng.uniform(0.0, 0.05)
    tremor = 10 ** rng.uniform(-2.0, -0.3)
    restoring = 10 ** rng.uniform(-4.0, -2.3)
    jerk_rate = rng.uniform(0.0, 2.0) / _STEPS

    noise = rng.standard_normal((_STEPS, 2)) * tremor
    jerks = rng.random(_STEPS) < jerk_rate
    rotations = rng.normal(np.pi, 0.6, _STEPS)
    angle = rng.uniform(0.0, 2 * np.pi)

    # Complex numbers are plane vectors; multiplication rotates them.
    noise = noise[:, 0] + 1j * noise[:, 1]
    place, velocity = 0j, np.exp(1j * angle)
    path = np.empty(_STEPS, dtype=complex)
    for step in range(_STEPS):
        path[step] = place
        place += velocity
        velocity = (1 - damping) * velocity + noise[step] - restoring * path[step]
        if jerks[step]:
            velocity *= 1.5 * np.exp(1j * rotations[step])
    points = np.stack([np.real(path), np.imag(path)], axis=1)
    points *= extent / np.ptp(points, axis=0).max()
    return points - points.mean(axis=0)


def kernel_of(trajectory: np.ndarray) -> np.ndarray:
    """Renders a trajectory as a blur kernel (step 2 of the model).

    It is (T, 2), column and row in pixels at equal steps of time.

    Returns:
        float32 (S, S), S odd; non-negative, sums to 1, centroid at its centre.
    """
    longest = np.linalg.norm(np.diff(trajectory, axis=0), axis=1).max(initial=0.0)
    parts = max(int(np.ceil(longest * _SAMPLES_PER_PIXEL)), 1)
    steps = np.arange(0, len(trajectory) - 1 + 0.5 / parts, 1 / parts)
    points = np.stack(
        [np.interp(steps, np.arange(len(trajectory)), axis) for axis in trajectory.T]
    )
    return spread(points - points.mean(axis=1, keepdims=True))


def spread(points: np.ndarray) -> np.ndarray:
    """The kernel of an exposure that spends equal times at the given points.

    They are (2, N), columns and rows in pixels; the origin is the kernel's centre.

    Returns:
        float32 (S, S), S odd; each point spread over its four neighbours by bilinear
        weights; sums to 1.
    """
    radius = int(np.ceil(np.abs(points).max()))
    side = 2 * radius + 1
    points = points + radius
    low = np.floor(points).astype(int)
    (right, down) = share = points - low
    left, up = 1 - share
    kernel = np.zeros((side + 1) ** 2)
    corner = low[1] * (side + 1) + low[0]
    for offset, weight in (
        (0, up * left),
        (1, up * right),
        (side + 1, down * left),
        (side + 2, down * right),
    ):
        kernel += np.bincount(corner + offset, weight, minlength=kernel.size)
    kernel = kernel.reshape(side + 1, side + 1)[:side, :side]
    return (kernel / kernel.sum()).astype(np.float32)


def random_kernel(
    rng: np.random.Generator, *, max_extent: float = MAX_EXTENT
) -> np.ndarray:
    """A kernel of a random hand movement; arguments and result as above."""
    return kernel_of(random_trajectory(rng, max_extent=max_extent))


def shake(
    sharp: np.ndarray, kernel: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Blurs an image and adds sensor noise, in linear light (step 3 of the model).

    The image is uint8 (H, W, 3) sRGB, the kernel (S, S), S odd, with sum 1. Beyond its
    border the image is mirrored.

    Returns:
        uint8 (H, W, 3) sRGB, rounded.
    """
    camera = Camera(linear=True)
    return camera.blurry(blur(camera.scene(sharp), kernel), rng)
