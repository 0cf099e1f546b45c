"""Decoded images kept in memory, up to a fixed number of bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from egnet_tf.images.read import read_image

DEFAULT_LIMIT = 512 * 2**20
"""512 MiB: about 190 images of 1280x720."""


def cached_reader(limit: int = DEFAULT_LIMIT) -> Callable[[Path], np.ndarray]:
    """Makes a `read_image` that keeps the most recently used images decoded.

    Its arrays are shared and read-only. An image of more than `limit` bytes is read
    anew each time. Threads decode side by side: the lock is not held meanwhile.
    """
    import cachetools  # Of the extra `train`.

    images: cachetools.LRUCache[Any, np.ndarray] = cachetools.LRUCache(
        limit, getsizeof=lambda image: image.nbytes
    )

    @cachetools.cached(images, lock=threading.Lock())
    def read(path: Path) -> np.ndarray:
        image = read_image(path)
        image.setflags(write=False)
        return image

    return read
