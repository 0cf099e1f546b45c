"""Pairs made on the fly: sharp photographs blurred by synthetic camera shake."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from egnet_tf.data.pairs import Pair, Pairs, random_corner, window
from egnet_tf.data.splits import photographs
from egnet_tf.data.synthesis import camera_shake
from egnet_tf.data.synthesis.upsampling import enlarged_window, random_resize
from egnet_tf.errors import InputError
from egnet_tf.images.cache import DEFAULT_LIMIT, ImageCache


class CameraShakePairs(Pairs):
    """Camera shake (`camera_shake`) on sharp photographs.

    `crop` shakes anew each time; `read` always in the same way, which depends on
    the seed and the pair's name alone. Decoded photographs are kept in memory up
    to `cache_bytes`.

    Args:
        photos: name to file, of the sharp photographs.
        seed: chooses the shakes of `read`.
        shakes: pairs a photograph, each shaken differently by `read`; with more
            than one the names end in `_shake1`, `_shake2`, ...
        max_extent: of the trajectories, in pixels.
        still: the share of crops whose camera does not move, so that a network learns
            to leave a sharp photograph as it is, but for its noise.
        enlarge: crops are of the photograph enlarged by up to this factor before it is
            shaken, as soft as a camera's pixels (`softness`); the factor's logarithm
            is uniform. 1 leaves the photographs as they are.
        cache_bytes: the most bytes of decoded photographs kept.

    Raises:
        InputError: there is no photograph.
    """

    def __init__(
        self,
        photos: Mapping[str, Path],
        *,
        seed: int,
        shakes: int = 1,
        max_extent: float = camera_shake.MAX_EXTENT,
        still: float = 0.0,
        enlarge: float = 1.0,
        cache_bytes: int = DEFAULT_LIMIT,
    ):
        if not photos:
            raise InputError("Expected sharp photographs. Received: none")
        self._seed = seed
        self._max_extent = max_extent
        self._still = still
        self._enlarge = enlarge
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
        kernel = camera_shake.random_kernel(rng, max_extent=self._max_extent)
        return Pair(camera_shake.shake(sharp, kernel, rng), sharp.copy())

    def crop(self, index: int, size: int, rng: np.random.Generator) -> Pair:
        """A random window, freshly shaken; what lies around it blurs into it."""
        photo = self._cache.read(self._paths[index])
        if self._still and rng.random() < self._still:
            kernel = np.ones((1, 1), np.float32)
        else:
            kernel = camera_shake.random_kernel(rng, max_extent=self._max_extent)
        margin = len(kernel) // 2
        side = size + 2 * margin
        if self._enlarge > 1:
            factor = random_resize(rng, 1.0, self._enlarge)
            around = enlarged_window(photo, side, factor, rng)
        else:
            top, left = random_corner(*photo.shape[:2], size, rng)
            around = window(photo, top - margin, left - margin, side, side)
        inner = slice(margin, margin + size)
        blurry = camera_shake.shake(around, kernel, rng)
        return Pair(blurry[inner, inner].copy(), around[inner, inner].copy())


def open_camera_shake(
    data_dir: str | None,
    split: str,
    *,
    seed: int,
    max_extent: float = camera_shake.MAX_EXTENT,
    still: float = 0.0,
    enlarge: float = 1.0,
    cache_bytes: int = DEFAULT_LIMIT,
) -> CameraShakePairs:
    """The dataset `camera_shake`: a folder of sharp photographs, sub-folders too.

    Args:
        data_dir: the folder; see `photographs`.
        split: "train" or "test".
        seed: see `CameraShakePairs`; so are the others.
        max_extent: of the trajectories, in pixels.
        still: share of crops that are not shaken.
        enlarge: the largest enlargement.
        cache_bytes: the most bytes of decoded photographs kept.

    Raises:
        InputError: no folder, or no photograph in it.
    """
    return CameraShakePairs(
        photographs(data_dir, split, "camera_shake"),
        seed=seed,
        max_extent=max_extent,
        still=still,
        enlarge=enlarge,
        cache_bytes=cache_bytes,
    )
