"""Scores many images in parallel, each once, even over several runs."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

import cv2
import numpy as np

from egnet_tf.errors import InputError
from egnet_tf.evaluation.results_folder import EvaluationFolder, Row
from egnet_tf.metrics.protocols import Protocol


class Images(NamedTuple):
    """What is compared: uint8 (H, W, 3) each, `blurry` None where there is none."""

    restored: np.ndarray
    sharp: np.ndarray
    blurry: np.ndarray | None = None


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

    The images are made in this process, one after another, at most two a worker
    ahead of the scoring; the workers are fresh processes that import this package's
    metrics and nothing heavier.

    Args:
        names: of all images; unique.
        images: index into `names` -> what to compare.
        protocol: how to score.
        folder: rows are appended to it as they come.
        workers: number of processes; 1 scores in this one.

    Yields:
        Each new row, after it is on the disk, in the order of completion; an
        `Unscored` for each image that gets none. The folder does not keep those:
        the next evaluation tries them again.

    Raises:
        InputError: the system ended a worker.
    """

    def made(index: int) -> Images | Unscored:
        try:
            return images(index)
        except (InputError, ArithmeticError, MemoryError) as error:
            return Unscored(names[index], str(error) or "not enough memory")

    remaining = [index for index, name in enumerate(names) if name not in folder.rows]
    workers = min(workers, len(remaining))
    if workers <= 1:
        for index in remaining:
            row = _score(names[index], made(index), protocol)
            if isinstance(row, Row):
                folder.append(row)
            yield row
        return
    pool = ProcessPoolExecutor(
        workers,
        # Not fork: the parent may run TensorFlow's threads.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
    )
    pending: set[Future[Row | Unscored]] = set()
    try:
        for index in remaining:
            pending.add(pool.submit(_score, names[index], made(index), protocol))
            if len(pending) >= 2 * workers:
                pending = yield from _collect(pending, folder)
        while pending:
            pending = yield from _collect(pending, folder)
    except BrokenProcessPool:
        raise InputError(
            "Expected enough memory for the scoring workers; the same command goes on "
            f"from here, --workers=1 needs less. Received: {workers} workers, one of "
            "them ended by the system"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _collect(pending: set[Future[Row]], folder: EvaluationFolder):
    done, pending = wait(pending, return_when=FIRST_COMPLETED)
    for future in done:
        row = future.result()
        if isinstance(row, Row):
            folder.append(row)
        yield row
    return pending


def _score(name: str, images: Images | Unscored, protocol: Protocol) -> Row | Unscored:
    if isinstance(images, Unscored):
        return images
    try:
        restored = protocol.score(images.restored, images.sharp)
        blurry = None
        if images.blurry is not None:
            blurry = protocol.score(images.blurry, images.sharp)
    except InputError as error:
        return Unscored(name, str(error))
    return Row(name, restored, blurry)


def _start_worker() -> None:
    # One process a core is parallel enough.
    cv2.setNumThreads(1)
    # The parent answers Ctrl-C; and when it is killed, its workers must not stay.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)
