"""Pairs made on the fly: sharp photographs blurred by synthetic camera shake."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from egnet_tf.data import camera_shake
from egnet_tf.data.held_out import split_folder, split_names
from egnet_tf.data.pairs import Pair, Pairs, random_corner, window
from egnet_tf.data.picture_cache import DEFAULT_LIMIT, PictureCache
from egnet_tf.data.picture_files import existing_folder, find_pictures
from egnet_tf.errors import InputError


class ShakenPhotos(Pairs):
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
        cache_bytes: int = DEFAULT_LIMIT,
    ):
        if not photos:
            raise InputError("Expected sharp photographs. Received: none")
        self._seed = seed
        self._max_extent = max_extent
        self._still = still
        self._cache = PictureCache(cache_bytes)
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
        height, width = photo.shape[:2]
        top, left = random_corner(height, width, size, rng)
        margin = len(kernel) // 2
        side = size + 2 * margin
        around = window(photo, top - margin, left - margin, side, side)
        inner = slice(margin, margin + size)
        blurry = camera_shake.shake(around, kernel, rng)
        return Pair(blurry[inner, inner].copy(), around[inner, inner].copy())


def open_shake(
    data_dir: str | None,
    split: str,
    *,
    seed: int,
    max_extent: float = camera_shake.MAX_EXTENT,
    still: float = 0.0,
    cache_bytes: int = DEFAULT_LIMIT,
) -> ShakenPhotos:
    """The data set `shake`: any folder of sharp photographs, with its sub-folders.

    Args:
        data_dir: the folder; it may hold train/ and test/, otherwise a tenth of the
            photographs is held out.
        split: "train" or "test".
        seed: see `ShakenPhotos`; so are the others.
        max_extent: of the trajectories, in pixels.
        still: see `ShakenPhotos`.
        cache_bytes: the most bytes of decoded photographs kept.

    Raises:
        InputError: no folder, or no photograph in it.
    """
    root, own = split_folder(existing_folder(data_dir, "shake"), split)
    photos = find_pictures(root)
    if not photos:
        raise InputError(f"Expected sharp photographs in {root}. Received: none")
    names = list(photos) if own else split_names(list(photos), split, "photographs")
    return ShakenPhotos(
        {name: photos[name] for name in names},
        seed=seed,
        max_extent=max_extent,
        still=still,
        cache_bytes=cache_bytes,
    )
