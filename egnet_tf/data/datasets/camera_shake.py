"""Pairs made on the fly: sharp photographs blurred by synthetic camera shake."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from egnet_tf.data.pairs import Pair, Pairs, random_corner, window
from egnet_tf.data.registry import Request, dataset
from egnet_tf.data.splits import photographs
from egnet_tf.data.synthesis import camera_shake
from egnet_tf.data.synthesis.upsampling import enlarged_window, random_resize
from egnet_tf.errors import InputError
from egnet_tf.images.cache import DEFAULT_LIMIT, ImageCache
from egnet_tf.options import check, option


@dataclasses.dataclass(frozen=True)
class CameraShakeOptions:
    """How photographs are shaken."""

    extent: float = option(
        camera_shake.MAX_EXTENT,
        "The longest camera shake of --dataset=camera_shake, in pixels.",
        lower=0.0,
    )
    sharp_fraction: float = option(
        0.0,
        "The fraction of the training crops of --dataset=camera_shake that are not "
        "shaken, so that a network learns to leave a sharp photograph as it is.",
        lower=0.0,
        upper=1.0,
    )
    max_upscale: float = option(
        1.0,
        "The most that --dataset=camera_shake enlarges a photograph before it is "
        "shaken, so that training crops are as soft as a camera's pixels.",
        lower=1.0,
    )

    def __post_init__(self):
        """Checks the values."""
        check(self)


class CameraShakePairs(Pairs):
    """Camera shake (`camera_shake`) on sharp photographs.

    `crop` shakes anew each time; `read` always in the same way, which depends on
    the seed and the pair's name alone. Decoded photographs are kept in memory up
    to `cache_bytes`.

    Args:
        photos: name to file, of the sharp photographs.
        options: see `CameraShakeOptions`. A crop that is not shaken still gets noise;
            the logarithm of an enlargement is uniform (`random_resize`).
        seed: chooses the shakes of `read`.
        shakes: pairs a photograph, each shaken differently by `read`; with more
            than one the names end in `_shake1`, `_shake2`, ...
        cache_bytes: the most bytes of decoded photographs kept.

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
        cache_bytes: int = DEFAULT_LIMIT,
    ):
        if not photos:
            raise InputError("Expected sharp photographs. Received: none")
        self._seed = seed
        self._options = options
        self._cache = ImageCache(cache_bytes)
        named = {
            f"{name}_shake{number}" if shakes > 1 else name: path
            for name, path in photos.items()
            for number in range(1, shakes + 1)
        }
        self.names = tuple(named)
        self._paths = tuple(named.values())

    def read(self, index: int) -> Pair:
        """The whole photograph and its blurry form; see the class."""
        name = zlib.crc32(self.names[index].encode())
        rng = np.random.default_rng((self._seed, 2, name))
        sharp = self._cache.read(self._paths[index])
        kernel = camera_shake.random_kernel(rng, max_extent=self._options.extent)
        return Pair(camera_shake.shake(sharp, kernel, rng), sharp.copy())

    def crop(self, index: int, size: int, rng: np.random.Generator) -> Pair:
        """A random window, freshly shaken; what lies around it blurs into it."""
        photo = self._cache.read(self._paths[index])
        fraction = self._options.sharp_fraction
        if fraction and rng.random() < fraction:
            kernel = np.ones((1, 1), np.float32)
        else:
            kernel = camera_shake.random_kernel(rng, max_extent=self._options.extent)
        margin = len(kernel) // 2
        side = size + 2 * margin
        if self._options.max_upscale > 1:
            factor = random_resize(rng, 1.0, self._options.max_upscale)
            around = enlarged_window(photo, side, factor, rng)
        else:
            height, width = photo.shape[:2]
            top, left = random_corner(height, width, size, rng)
            around = window(photo, top - margin, left - margin, side, side)
        inner = slice(margin, margin + size)
        blurry = camera_shake.shake(around, kernel, rng)
        return Pair(blurry[inner, inner].copy(), around[inner, inner].copy())


@dataset("camera_shake", CameraShakeOptions)
def open_camera_shake(
    request: Request, options: CameraShakeOptions
) -> CameraShakePairs:
    """Opens a folder of sharp photographs, see `photographs`."""
    return CameraShakePairs(
        photographs(request),
        options,
        seed=request.seed,
        cache_bytes=request.cache_bytes,
    )
