"""Synthetic GoPro-style pairs: camera motion, moving objects, frame averaging."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.data.registry import NoOptions, Request, dataset
from egnet_tf.data.splits import photographs
from egnet_tf.data.synthesis.frame_average import (
    add_noise_and_quantize,
    blur,
    composite_moving_object,
    random_mask,
    random_pan,
)
from egnet_tf.data.synthesis.upsampling import enlarged_window, random_resize
from egnet_tf.images.cache import DEFAULT_LIMIT, cached_reader

_MOVING_SHARE = 0.3
_RESIZES = (0.8, 3.0)


class CameraMotionPairs(Pairs):
    """Camera motion (`synthesis.frame_average`) on sharp photographs.

    `crop` draws a new motion each time; `read` moves the whole photograph at its own
    size, in a way that depends on the seed and the pair's name alone.
    """

    def __init__(
        self,
        photos: Mapping[str, Path],
        *,
        seed: int,
        cache_bytes: int = DEFAULT_LIMIT,
    ):
        self._seed = seed
        self._read = cached_reader(cache_bytes)
        self.names = tuple(photos)
        self._paths = tuple(photos.values())

    def source_files(self) -> Iterable[Path]:
        """See `Pairs.source_files`."""
        return dict.fromkeys(self._paths)

    def read(self, index: int) -> Pair:
        """The whole photograph under one motion; see the class."""
        name = zlib.crc32(self.names[index].encode("utf-8", "surrogateescape"))
        rng = np.random.default_rng((self._seed, 4, name))
        sharp = self._read(self._paths[index])
        blurry = blur(sharp.astype(np.float32), random_pan(rng))
        return Pair(add_noise_and_quantize(blurry, rng), sharp.copy())

    def crop(self, index: int, size: int, rng: np.random.Generator) -> Pair:
        """A random crop under a new motion; a margin supplies what moves into it."""
        kernels = random_pan(rng), random_pan(rng)
        margin = max(map(len, kernels)) // 2
        side = size + 2 * margin
        scene = self._window(index, side, rng)
        if rng.random() < _MOVING_SHARE:
            moving = self._window(int(rng.integers(len(self))), side, rng)
            mask = random_mask(side, rng)
            blurry, sharp = composite_moving_object(scene, moving, mask, kernels)
        else:
            blurry, sharp = blur(scene, kernels[0]), scene
        inner = slice(margin, margin + size)
        blurry, sharp = (x[inner, inner] for x in (blurry, sharp))
        return Pair(
            add_noise_and_quantize(blurry, rng),
            np.rint(sharp).astype(np.uint8),
        )

    def _window(self, index: int, side: int, rng: np.random.Generator) -> np.ndarray:
        photo = self._read(self._paths[index])
        factor = random_resize(rng, *_RESIZES)
        image = enlarged_window(photo, side, factor, rng)
        return image.astype(np.float32)


@dataset("camera_motion")
def open_camera_motion(request: Request, _: NoOptions) -> CameraMotionPairs:
    """Opens a folder of sharp photographs; see `photographs`."""
    return CameraMotionPairs(
        photographs(request), seed=request.seed, cache_bytes=request.cache_bytes
    )
