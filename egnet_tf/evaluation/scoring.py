"""Scores many images in parallel, each once, even over several runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from egnet_tf.errors import InputError
from egnet_tf.evaluation.results_folder import EvaluationFolder, Row
from egnet_tf.metrics.protocols import Protocol


class Images(NamedTuple):
    """What is compared: uint8 (H, W, 3) each, None where there is none.

    Without a sharp image, the protocol needs none. For `restored_in`, see `Row`.
    """

    restored: np.ndarray
    sharp: np.ndarray | None
    blurry: np.ndarray | None = None
    restored_in: str = ""


class Unscored(NamedTuple):
    """An image that could not be read, restored or compared, and why."""

    name: str
    reason: str


def score_images(
    names: Sequence[str],
    images: Callable[[int], Images],
    protocol: Protocol,
    folder: EvaluationFolder,
    *,
    workers: int,
) -> Iterator[Row | Unscored]:
    """Scores the images that `folder` does not hold yet.

    They have unique names; `images` makes what is compared from an index into these, in
    this thread, one after another, at most two per worker ahead of the scoring. Workers
    are threads: NumPy, OpenCV and scikit-image spend their time outside the
    interpreter's lock, so processes would only add start-up time and copies.

    Yields:
        In the order of `names`, each new row after it is on the disk, and an
        `Unscored` for each image that gets none. The folder does not keep those: the
        next evaluation tries them again.
    """

    def made(index: int) -> Images | Unscored:
        try:
            return images(index)
        except (InputError, ArithmeticError, MemoryError) as error:
            return _unscored(names[index], error)

    def finished(future: Future[Row | Unscored]) -> Row | Unscored:
        row = future.result()
        if isinstance(row, Row):
            folder.append(row)
        return row

    pool = ThreadPoolExecutor(workers)
    pending: deque[Future[Row | Unscored]] = deque()
    try:
        for index, name in enumerate(names):
            if name in folder.rows:
                continue
            pending.append(pool.submit(_score, name, made(index), protocol))
            if len(pending) >= 2 * workers:
                yield finished(pending.popleft())
        while pending:
            yield finished(pending.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _score(name: str, images: Images | Unscored, protocol: Protocol) -> Row | Unscored:
    if isinstance(images, Unscored):
        return images
    try:
        restored = protocol.score(images.restored, images.sharp)
        blurry = None
        if images.blurry is not None:
            blurry = protocol.score(images.blurry, images.sharp)
    except (InputError, MemoryError) as error:
        return _unscored(name, error)
    return Row(name, restored, blurry, images.restored_in)


def _unscored(name: str, error: Exception) -> Unscored:
    return Unscored(name, str(error) or "not enough memory")
