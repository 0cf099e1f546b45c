"""Pairs made on the fly: sharp photographs blurred by synthetic camera shake."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from egnet_tf.data.pairs import Pair, Pairs, random_corner, window
from egnet_tf.data.registry import Request, dataset
from egnet_tf.data.splits import photographs
from egnet_tf.data.synthesis import camera_shake
from egnet_tf.data.synthesis.camera import random_camera
from egnet_tf.data.synthesis.motion import FRAME, Convolution, Motion, random_motion
from egnet_tf.data.synthesis.options import BlurOptions, happens
from egnet_tf.data.synthesis.upsampling import enlarged_window, random_resize
from egnet_tf.errors import InputError
from egnet_tf.images.cache import Reader, cached_reader
from egnet_tf.options import check, option


@dataclasses.dataclass(frozen=True)
class CameraShakeOptions:
    """Strength of the synthetic camera shake."""

    extent: float = option(
        camera_shake.MAX_EXTENT,
        "The longest camera shake of --dataset=camera_shake, in pixels.",
        lower=0.0,
    )
    sharp_fraction: float = option(
        0.0,
        "The fraction of the training crops of --dataset=camera_shake that are left "
        "sharp, so that a network learns to leave sharp photographs unchanged.",
        lower=0.0,
        upper=1.0,
    )
    max_upscale: float = option(
        1.0,
        "The largest factor by which --dataset=camera_shake upscales a photograph "
        "before blurring it, so that training crops are as soft as camera images.",
        lower=1.0,
    )

    blur: BlurOptions = BlurOptions(linear_fraction=1.0)  # noqa: RUF009 (frozen)

    def __post_init__(self):
        check(self)


class CameraShakePairs(Pairs):
    """Camera shake (`camera_shake`) on sharp photographs.

    `crop` draws a new shake each time; `read` always uses the same one, which depends
    on the seed and the pair's name alone.

    Args:
        photos: files of the sharp photographs, by name.
        options: see `CameraShakeOptions`. A crop that is left sharp still gets noise;
            the logarithm of the upscaling factor is uniform (`random_resize`).
        seed: seed of the kernels that `read` draws.
        shakes: number of pairs made of each photograph, with a kernel each; if there is
            more than one, the names end in `_shake1`, `_shake2`, ...
        read: reads a photograph; by default, `cached_reader()`.

    Raises:
        InputError: there is no photograph.
    """

    def __init__(
        self,
        photos: Mapping[str, Path],
        options: CameraShakeOptions = CameraShakeOptions(),
        *,
        seed: int,
        shakes: int = 1,
        read: Reader | None = None,
    ):
        if not photos:
            raise InputError("Expected sharp photographs. Received: none")
        self._seed = seed
        self._options = options
        self._read = read or cached_reader()
        named = {
            f"{name}_shake{number}" if shakes > 1 else name: path
            for name, path in photos.items()
            for number in range(1, shakes + 1)
        }
        self.names = tuple(named)
        self._paths = tuple(named.values())

    def source_files(self) -> Iterable[Path]:
        """See `Pairs.source_files`."""
        return dict.fromkeys(self._paths)

    def read(self, index: int) -> Pair:
        """The whole photograph, blurry and sharp; see the class."""
        name = zlib.crc32(self.names[index].encode("utf-8", "surrogateescape"))
        rng = np.random.default_rng((self._seed, 2, name))
        photo = self._read(self._paths[index])
        size = photo.shape[:2]
        motion = self._motion(size, rng, frame=size)
        camera = random_camera(self._options.blur, rng)
        scene = camera.scene(photo)
        sharp = camera.sharp(scene) if camera.light_gain > 1 else photo.copy()
        return Pair(camera.blurry(motion(scene, 0), rng), sharp)

    def crop(self, index: int, size: int, rng: np.random.Generator) -> Pair:
        """A random crop under a new shake; a margin supplies what blurs into it."""
        photo = self._read(self._paths[index])
        if happens(self._options.sharp_fraction, rng):
            motion = Convolution(np.ones((1, 1), np.float32))
        else:
            motion = self._motion((size, size), rng)
        margin = motion.reach
        side = size + 2 * margin
        native = self._options.blur.is_native(self.names[index])
        if self._options.max_upscale > 1 and not native:
            factor = random_resize(rng, 1.0, self._options.max_upscale)
            around = enlarged_window(photo, side, factor, rng)
        else:
            height, width = photo.shape[:2]
            top, left = random_corner(height, width, size, rng)
            around = window(photo, top - margin, left - margin, side, side)
        camera = random_camera(self._options.blur, rng)
        scene = camera.scene(around)
        inner = slice(margin, margin + size)
        sharp = camera.sharp(scene) if camera.light_gain > 1 else around
        return Pair(
            camera.blurry(motion(scene, margin), rng), sharp[inner, inner].copy()
        )

    def _motion(
        self,
        size: tuple[int, int],
        rng: np.random.Generator,
        frame: tuple[int, int] = FRAME,
    ) -> Motion:
        extent = self._options.extent
        path = camera_shake.random_trajectory(rng, max_extent=extent).T
        return random_motion(
            path,
            np.linspace(-0.5, 0.5, path.shape[1]),
            lambda path: camera_shake.kernel_of(path.T),
            self._options.blur,
            size=size,
            frame=frame,
            rng=rng,
        )


@dataset("camera_shake", CameraShakeOptions)
def open_camera_shake(
    request: Request, options: CameraShakeOptions
) -> CameraShakePairs:
    """Opens a folder of sharp photographs; see `photographs`."""
    return CameraShakePairs(
        photographs(request),
        options,
        seed=request.seed,
        read=request.read,
    )
