"""Decoded pictures kept in memory, up to a fixed number of bytes."""

from __future__ import annotations

import collections
import threading
from pathlib import Path

import numpy as np

from egnet_tf.images.rgb import read_rgb

DEFAULT_LIMIT = 512 * 2**20
"""512 MiB: about 190 pictures of 1280x720."""


class PictureCache:
    """Reads pictures and keeps the most recently used ones decoded.

    Args:
        limit: the most bytes of pixels kept. A picture larger than this is read
            anew each time.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT):
        self._limit = limit
        self._size = 0
        self._pictures: collections.OrderedDict[Path, np.ndarray]
        self._pictures = collections.OrderedDict()
        self._lock = threading.Lock()

    def read(self, path: Path) -> np.ndarray:
        """As `pictures.read_rgb`; the array is shared and read-only."""
        with self._lock:
            if path in self._pictures:
                self._pictures.move_to_end(path)
                return self._pictures[path]
        # Decoded outside the lock, so that threads do not wait for each other.
        picture = read_rgb(path)
        picture.setflags(write=False)
        with self._lock:
            if path not in self._pictures and picture.nbytes <= self._limit:
                self._pictures[path] = picture
                self._size += picture.nbytes
                while self._size > self._limit:
                    _, oldest = self._pictures.popitem(last=False)
                    self._size -= oldest.nbytes
        return picture
