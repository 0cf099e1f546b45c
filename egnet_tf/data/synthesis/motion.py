r"""Motion blur of a window: one kernel everywhere, or a rotation of the camera.

`Convolution` is blur that is the same at every pixel. `Rotation` is blur that differs
over the image, as a rotating camera makes it (Whyte et al., CVPR 2010): a
still scene moves over the sensor by the homographies

    H(t) = K R(t) K^-1,    R(t) = Rz(roll(t)) Ry(yaw(t)) Rx(-pitch(t)),

    K = [[f, 0, cx], [0, f, cy], [0, 0, 1]],

with f the focal length and (cx, cy) the optical axis, in pixels. The blurry image is
the mean of the warped sharp ones, blurry(x) = mean over t of sharp(H(t)^-1 x).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from egnet_tf.data.synthesis.options import BlurOptions, happens

FRAME = (720, 1280)
"""Height and width of the images that training crops are thought to be taken from."""

MAX_REACH = 36
"""The farthest that a `Rotation` moves a pixel, which bounds the margin it needs."""

_MAX_FRAMES = 48
_MAX_ROLL = np.radians(2.0)
_FOCAL = 0.8  # Of the longer side: about 28 mm on a frame of 36 mm.
_MIN_RADIUS, _MAX_RADIUS = 0.5, 2.0
_SUBPIXELS = 8


class Motion(Protocol):
    """Blurs a window of a sharp image.

    Attributes:
        reach: how far it moves a pixel at most, rounded up: the margin from which
            real content is blurred into what is inside.
    """

    reach: int

    def __call__(self, image: np.ndarray, margin: int) -> np.ndarray:
        """Blurs float32 (H, W, C), beyond whose border the image is mirrored.

        Returns:
            float32 (H - 2 margin, W - 2 margin, C).
        """
        ...


class Convolution:
    """Blur by one kernel, (S, S), S odd, with sum 1; see `Motion`."""

    def __init__(self, kernel: np.ndarray):
        self.kernel = kernel
        self.reach = len(kernel) // 2

    def __call__(self, image: np.ndarray, margin: int) -> np.ndarray:
        """See `Motion`."""
        height, width = image.shape[:2]
        blurred = blur(image, self.kernel)
        return blurred[margin : height - margin, margin : width - margin]


class Rotation:
    """Blur by a rotation of the camera; see the equations above and `Motion`.

    Args:
        path: (2, N), where the optical axis' point of the scene moves at equal steps
            of time, columns and rows in pixels: f tan(yaw) and f tan(pitch).
        roll: (N,) in radians, positive from columns to rows.
        size: the height and width of what comes out, in pixels.
        axis: (cx, cy), the optical axis, in pixels from the middle of the image.
        focal: f in pixels.
        defocus: a kernel of defocus, if any; see `disc`.
    """

    def __init__(
        self,
        path: np.ndarray,
        roll: np.ndarray,
        *,
        size: tuple[int, int],
        axis: Sequence[float],
        focal: float,
        defocus: np.ndarray | None = None,
    ):
        homographies = rotation_homographies(path, roll, axis=axis, focal=focal)
        height, width = size
        corners = np.array(
            [
                [x * (width - 1) / 2, y * (height - 1) / 2, 1]
                for x in (-1, 1)
                for y in (-1, 1)
            ]
        )
        places = np.linalg.inv(homographies) @ corners.T
        places = places[:, :2] / places[:, 2:]
        steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
        # No more than a pixel from frame to frame, as far as the time allows.
        length = steps.sum(axis=0).max(initial=0.0)
        count = min(int(np.ceil(length)) + 1, _MAX_FRAMES, len(homographies))
        chosen = np.rint(np.linspace(0, len(homographies) - 1, count)).astype(int)
        self.homographies = homographies[chosen]
        reach = np.abs(places - corners[:, :2].T).max()
        self.reach = int(np.ceil(reach)) + (0 if defocus is None else len(defocus) // 2)
        self._defocus = defocus

    def __call__(self, image: np.ndarray, margin: int) -> np.ndarray:
        """See `Motion`."""
        import cv2  # Of the extra `train`.

        if self._defocus is not None:
            image = blur(image, self._defocus)
        height, width = (length - 2 * margin for length in image.shape[:2])
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        total = np.zeros((height, width, image.shape[2]), np.float32)
        for homography in self.homographies:
            # From a pixel of the frame to where it is taken from.
            source = _moved(middle + margin) @ np.linalg.inv(homography)
            total += cv2.warpPerspective(
                image,
                source @ _moved(-middle),
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT_101,
            ).reshape(total.shape)
        return total / np.float32(len(self.homographies))


def rotation_homographies(
    path: np.ndarray, roll: np.ndarray, *, axis: Sequence[float], focal: float
) -> np.ndarray:
    """H(t) of the equations above, (N, 3, 3), in pixels from the middle of the image.

    The arguments are those of `Rotation`.
    """
    camera = _moved(axis) @ np.diag([focal, focal, 1.0])
    yaw, pitch = np.arctan(path / focal)
    zero, one = np.zeros_like(roll), np.ones_like(roll)

    def matrices(*rows: tuple[np.ndarray, ...]) -> np.ndarray:
        return np.moveaxis(np.array(rows), -1, 0)

    about_x = matrices(
        (one, zero, zero),
        (zero, np.cos(pitch), np.sin(pitch)),
        (zero, -np.sin(pitch), np.cos(pitch)),
    )
    about_y = matrices(
        (np.cos(yaw), zero, np.sin(yaw)),
        (zero, one, zero),
        (-np.sin(yaw), zero, np.cos(yaw)),
    )
    about_z = matrices(
        (np.cos(roll), -np.sin(roll), zero),
        (np.sin(roll), np.cos(roll), zero),
        (zero, zero, one),
    )
    return camera @ about_z @ about_y @ about_x @ np.linalg.inv(camera)


def random_motion(
    path: np.ndarray,
    time: np.ndarray,
    render: Callable[[np.ndarray], np.ndarray],
    options: BlurOptions,
    *,
    size: tuple[int, int],
    frame: tuple[int, int],
    rng: np.random.Generator,
) -> Motion:
    """A motion along a path that in some cases rotates, or is out of focus.

    Args:
        path: (2, N), columns and rows in pixels.
        time: (N,), see `random_rotation`.
        render: makes the kernel of a path, for a motion that does not rotate.
        options: how often that is.
        size: see `random_rotation`.
        frame: likewise.
        rng: source of random numbers.
    """
    defocus = random_disc(rng) if happens(options.defocus_fraction, rng) else None
    if happens(options.rotation_fraction, rng):
        return random_rotation(path, time, size, rng, frame=frame, defocus=defocus)
    kernel = render(path)
    return Convolution(kernel if defocus is None else defocused(kernel, defocus))


def random_rotation(
    path: np.ndarray,
    time: np.ndarray,
    size: tuple[int, int],
    rng: np.random.Generator,
    *,
    frame: tuple[int, int],
    defocus: np.ndarray | None = None,
) -> Rotation:
    """A camera that moves along a path and rolls at the same time.

    The roll is steady, by at most 2 degrees during the exposure. What would move a
    pixel farther than `MAX_REACH` is made slower.

    Args:
        path: (2, N) in pixels, see `Rotation`.
        time: (N,) of each point, from -1/2 to 1/2 over the exposure; the roll is 0 at
            time 0.
        size: height and width of the crop.
        rng: source of random numbers.
        frame: height and width of the image that the crop is taken from, anywhere; the
            optical axis is in its middle.
        defocus: see `Rotation`.
    """
    roll = rng.uniform(-_MAX_ROLL, _MAX_ROLL) * time
    axis = [
        rng.uniform(-0.5, 0.5) * max(whole - part, 0)
        for whole, part in zip(frame[::-1], size[::-1], strict=True)
    ]
    focal = _FOCAL * max(frame)
    corner = np.hypot(*(np.abs(axis) + np.array(size[::-1]) / 2))
    # Perspective moves a corner faster than the axis.
    farthest = np.hypot(*path).max() * (1 + (corner / focal) ** 2)
    farthest += np.abs(roll).max() * corner
    slower = min(1.0, (MAX_REACH - 2) / max(farthest, 1e-6))
    return Rotation(
        path * slower,
        roll * slower,
        size=size,
        axis=axis,
        focal=focal,
        defocus=defocus,
    )


def disc(radius: float) -> np.ndarray:
    """The kernel of a small defocus: a disc, whose edge pixels count by their area.

    Returns:
        float32 (S, S), S odd; sums to 1.
    """
    reach = max(int(np.ceil(radius - 0.5)), 0)
    side = 2 * reach + 1
    places = (np.arange(side * _SUBPIXELS) + 0.5) / _SUBPIXELS - side / 2
    inside = np.hypot(places, places[:, None]) <= radius
    kernel = inside.reshape(side, _SUBPIXELS, side, _SUBPIXELS).mean(axis=(1, 3))
    return (kernel / kernel.sum()).astype(np.float32)


def random_disc(rng: np.random.Generator) -> np.ndarray:
    """A `disc` with a radius of 0.5 to 2 pixels."""
    return disc(rng.uniform(_MIN_RADIUS, _MAX_RADIUS))


def defocused(kernel: np.ndarray, defocus: np.ndarray) -> np.ndarray:
    """The kernel of a motion out of focus: the convolution of both, in full size."""
    reach = len(defocus) // 2
    # Twice as much as it grows by, so that what is mirrored at the border is 0.
    padded = np.pad(kernel, 2 * reach)[..., None]
    return Convolution(defocus)(padded, reach)[..., 0]


def blur(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolves float32 (H, W, C) with a kernel; borders are mirrored."""
    import cv2  # Of the extra `train`.

    # filter2D correlates; with the kernel rotated by 180 degrees, it convolves.
    result = cv2.filter2D(
        image, cv2.CV_32F, kernel[::-1, ::-1], borderType=cv2.BORDER_REFLECT_101
    )
    return result.reshape(image.shape)


def _moved(by: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.array([[1.0, 0.0, by[0]], [0.0, 1.0, by[1]], [0.0, 0.0, 1.0]])
