"""Decoded images kept in memory, up to a fixed number of bytes."""

from __future__ import annotations

import collections
import threading
from pathlib import Path

import numpy as np

from egnet_tf.images.rgb import read_rgb

DEFAULT_LIMIT = 512 * 2**20
"""512 MiB: about 190 images of 1280x720."""


class ImageCache:
    """Reads images and keeps the most recently used ones decoded.

    Args:
        limit: the most bytes of pixels kept. An image larger than this is read
            anew each time.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT):
        self._limit = limit
        self._size = 0
        self._images: collections.OrderedDict[Path, np.ndarray]
        self._images = collections.OrderedDict()
        self._lock = threading.Lock()

    def read(self, path: Path) -> np.ndarray:
        """As `images.read_rgb`; the array is shared and read-only."""
        with self._lock:
            if path in self._images:
                self._images.move_to_end(path)
                return self._images[path]
        # Decoded outside the lock, so that threads do not wait for each other.
        image = read_rgb(path)
        image.setflags(write=False)
        with self._lock:
            if path not in self._images and image.nbytes <= self._limit:
                self._images[path] = image
                self._size += image.nbytes
                while self._size > self._limit:
                    _, oldest = self._images.popitem(last=False)
                    self._size -= oldest.nbytes
        return image
