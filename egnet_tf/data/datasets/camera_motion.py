"""Synthetic GoPro-style pairs: camera motion, moving objects, frame averaging."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.data.registry import Request, dataset
from egnet_tf.data.splits import photographs
from egnet_tf.data.synthesis.camera import random_camera
from egnet_tf.data.synthesis.camera_shake import spread
from egnet_tf.data.synthesis.frame_average import (
    EDGE,
    composite_moving_object,
    random_mask,
    random_pan,
)
from egnet_tf.data.synthesis.motion import FRAME, Motion, random_motion
from egnet_tf.data.synthesis.options import BlurOptions
from egnet_tf.data.synthesis.upsampling import enlarged_window, random_resize
from egnet_tf.images.cache import Reader, cached_reader
from egnet_tf.options import check, option

_MOVING_SHARE = 0.3
_RESIZES = (0.8, 3.0)


@dataclasses.dataclass(frozen=True)
class CameraMotionOptions:
    """What moves, and how it is blurred."""

    max_objects: int = option(
        1,
        "The most objects that move in front in a crop of --dataset=camera_motion, "
        "where any do.",
        lower=1,
    )
    max_softness: float = option(
        EDGE,
        "The softest outline of an object that moves in front in a crop of "
        "--dataset=camera_motion: the deviation of a Gaussian, in pixels.",
        lower=EDGE,
    )
    blur: BlurOptions = BlurOptions()  # noqa: RUF009 (frozen)

    def __post_init__(self):
        check(self)


class CameraMotionPairs(Pairs):
    """Camera motion (`synthesis.frame_average`) on sharp photographs.

    `crop` draws a new motion each time; `read` moves the whole photograph at its own
    size, without objects in front, in a way that depends on the seed and the pair's
    name alone.
    """

    def __init__(
        self,
        photos: Mapping[str, Path],
        options: CameraMotionOptions = CameraMotionOptions(),
        *,
        seed: int,
        read: Reader | None = None,
    ):
        self._seed = seed
        self._options = options
        self._read = read or cached_reader()
        self.names = tuple(photos)
        self._paths = tuple(photos.values())

    def source_files(self) -> Iterable[Path]:
        """See `Pairs.source_files`."""
        return dict.fromkeys(self._paths)

    def read(self, index: int) -> Pair:
        """The whole photograph under one motion; see the class."""
        name = zlib.crc32(self.names[index].encode("utf-8", "surrogateescape"))
        rng = np.random.default_rng((self._seed, 4, name))
        photo = self._read(self._paths[index])
        size = photo.shape[:2]
        motion = self._motion(size, rng, frame=size)
        camera = random_camera(self._options.blur, rng)
        scene = camera.scene(photo)
        sharp = camera.sharp(scene) if camera.light_gain > 1 else photo.copy()
        return Pair(camera.blurry(motion(scene, 0), rng), sharp)

    def crop(self, index: int, size: int, rng: np.random.Generator) -> Pair:
        """A random crop under a new motion; a margin supplies what moves into it."""
        objects = 0
        if rng.random() < _MOVING_SHARE:
            objects = int(rng.integers(self._options.max_objects)) + 1
        motion, *motions = (self._motion((size, size), rng) for _ in range(1 + objects))
        camera = random_camera(self._options.blur, rng)
        margin = max(each.reach for each in (motion, *motions))
        side = size + 2 * margin
        around = self._window(index, side, rng)
        scene = camera.scene(around)
        inner = slice(margin, margin + size)
        blurry, sharp = motion(scene, margin), scene[inner, inner]
        for in_front in motions:
            other = self._window(int(rng.integers(len(self))), side, rng)
            mask = random_mask(side, rng, max_softness=self._options.max_softness)
            blurry, sharp = composite_moving_object(
                (blurry, sharp), camera.scene(other), mask, in_front, margin
            )
        if motions or camera.light_gain > 1:
            stored = camera.sharp(sharp)
        else:
            stored = around[inner, inner].copy()
        return Pair(camera.blurry(blurry, rng), stored)

    def _motion(
        self,
        size: tuple[int, int],
        rng: np.random.Generator,
        frame: tuple[int, int] = FRAME,
    ) -> Motion:
        path, time = random_pan(rng)
        return random_motion(
            path, time, spread, self._options.blur, size=size, frame=frame, rng=rng
        )

    def _window(self, index: int, side: int, rng: np.random.Generator) -> np.ndarray:
        smallest, largest = _RESIZES
        if self._options.blur.is_native(self.names[index]):
            largest = 1.0
        photo = self._read(self._paths[index])
        factor = random_resize(rng, smallest, largest)
        return enlarged_window(photo, side, factor, rng)


@dataset("camera_motion", CameraMotionOptions)
def open_camera_motion(
    request: Request, options: CameraMotionOptions
) -> CameraMotionPairs:
    """Opens a folder of sharp photographs; see `photographs`."""
    return CameraMotionPairs(
        photographs(request),
        options,
        seed=request.seed,
        read=request.read,
    )
