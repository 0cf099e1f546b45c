"""Decoded images kept in memory, up to a fixed number of bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from egnet_tf.images.read import read_image

DEFAULT_LIMIT = 512 * 2**20
"""512 MiB: about 190 images of 1280x720."""

Reader = Callable[[Path], np.ndarray]
"""`read_image`, or one that keeps what it has read; its arrays may be read-only."""


def cached_reader(limit: int = DEFAULT_LIMIT) -> Reader:
    """Makes a `read_image` that keeps the images that it read first.

    Its arrays are shared and read-only. It keeps what fits into `limit` bytes, and
    never drops an image for another: training reads every image once an epoch, in an
    order that is shuffled anew, so that the one that was not read for longest is the
    next. Where half of the images fit, half of the reads find theirs; with the most
    recently used ones it was a seventh. Threads decode side by side: the lock is not
    held meanwhile.
    """
    kept: dict[Path, np.ndarray] = {}
    room = limit
    lock = threading.Lock()

    def read(path: Path) -> np.ndarray:
        nonlocal room
        image = kept.get(path)
        if image is None:
            image = read_image(path)
            image.setflags(write=False)
            with lock:
                if path not in kept and image.nbytes <= room:
                    kept[path] = image
                    room -= image.nbytes
        return image

    return read
