"""Decoded images kept in memory, up to a fixed number of bytes."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import cachetools
import numpy as np

from egnet_tf.images.read import read_image

DEFAULT_LIMIT = 512 * 2**20
"""512 MiB: about 190 images of 1280x720."""


class ImageCache:
    """Reads images and keeps the most recently used ones decoded.

    Args:
        limit: the most bytes of pixels kept. An image larger than this is read
            anew each time.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT):
        self._images: cachetools.LRUCache[Path, np.ndarray] = cachetools.LRUCache(
            limit, getsizeof=lambda image: image.nbytes
        )
        self._lock = threading.Lock()

    def read(self, path: Path) -> np.ndarray:
        """As `read_image`; the array is shared and read-only."""
        with self._lock:
            if path in self._images:
                return self._images[path]
        # Decoded outside the lock, so that threads do not wait for each other.
        image = read_image(path)
        image.setflags(write=False)
        with self._lock, contextlib.suppress(ValueError):  # Larger than the limit.
            self._images[path] = image
        return image
