"""Several copies of a network at work at once, on several devices or cores.

Many threads hand in images, one restoring each photo; as many threads as there are
copies run them. What has waited while a copy was busy, and is of one size, goes through
it together:

    photo 1 -> tiles --+                       +-> copy 1 (a thread) --+
    photo 2 -> tiles --+--> waiting, by turns --+                      +--> futures
    photo 3 -> tiles --+                       +-> copy 2 (a thread) --+
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import queue
import threading
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from egnet_tf.inference.runners.base import Runner

Passes = Generator[np.ndarray, None, None]
"""What batches became, one after the other."""


class RunnerPool:
    """A `Runner` that many threads may call at once, on copies of one network.

    Args:
        runners: copies of one network, each called by one thread at a time.
        batch: how many images of one size, of any callers, go through a copy
            together. 1 where the runners take one image at a time.
        pixels: the most pixels of such a batch, for its memory; a single image may
            have more.
    """

    def __init__(
        self,
        runners: Sequence[Runner],
        batch: int = 1,
        pixels: float = float("inf"),
    ):
        self.runners = tuple(runners)
        first = self.runners[0]
        self.size_multiple: int = first.size_multiple
        self.tile: int | None = first.tile
        self._batch = 1 if first.tile is not None else batch
        self._pixels = pixels
        self._free: queue.SimpleQueue[Runner] = queue.SimpleQueue()
        for runner in self.runners:
            self._free.put(runner)
        self._lock = threading.Lock()
        self._waiting: collections.deque[tuple[np.ndarray, Future[np.ndarray]]]
        self._waiting = collections.deque()
        self._threads = ThreadPoolExecutor(len(self.runners), "network")

    @property
    def bytes_per_pixel(self) -> float:
        """Memory of a forward pass, in bytes for each pixel of the batch."""
        return self.runners[0].bytes_per_pixel

    @property
    def device(self) -> str:
        """What the copies run on; how many GPUs, but not how many cores."""
        counted = collections.Counter(runner.device for runner in self.runners)
        return "; ".join(
            name if count == 1 or name.startswith("CPU") else f"{count} x {name}"
            for name, count in counted.items()
        )

    @property
    def at_once(self) -> int:
        """How many images keep all copies busy."""
        return len(self.runners) * self._batch

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3) float32 in [0, 1]; same shape, not clipped."""
        return self.submit(batch).result()

    def submit(self, batch: np.ndarray) -> Future[np.ndarray]:
        """Has (B, H, W, 3) restored as soon as a copy is free."""
        future: Future[np.ndarray] = Future()
        with self._lock:
            self._waiting.append((batch, future))
        self._threads.submit(self._serve)
        return future

    def give_up(self) -> None:
        """Cancels what still waits."""
        with self._lock:
            while self._waiting:
                self._waiting.popleft()[1].cancel()

    def _serve(self) -> None:
        runner = self._free.get()
        try:
            taken = self._take()
            images = [batch for batch, _ in taken]
            if len(taken) > 1:
                # If it fails, each is tried alone: one fails no other.
                with contextlib.suppress(Exception):
                    restored = runner(np.concatenate(images))
                    ends = itertools.accumulate(map(len, images[:-1]))
                    parts = np.split(restored, [*ends])
                    for (_, future), part in zip(taken, parts, strict=True):
                        future.set_result(part)
                    return
            for batch, future in taken:
                try:
                    future.set_result(runner(batch))
                except Exception as error:
                    future.set_exception(error)
        finally:
            self._free.put(runner)

    def _take(self) -> list[tuple[np.ndarray, Future[np.ndarray]]]:
        """Takes the first that waits, and the next of its size that go with it."""
        taken: list[tuple[np.ndarray, Future[np.ndarray]]] = []
        left = []
        count = 0
        with self._lock:
            while self._waiting and count < self._batch:
                batch, future = self._waiting.popleft()
                if taken and not self._go_together(taken[0][0], batch, count):
                    left.append((batch, future))
                elif future.set_running_or_notify_cancel():
                    taken.append((batch, future))
                    count += len(batch)
            self._waiting.extendleft(reversed(left))
        return taken

    def _go_together(self, first: np.ndarray, other: np.ndarray, count: int) -> bool:
        together = count + len(other)
        _, height, width, _ = other.shape
        return (
            first.shape[1:] == other.shape[1:]
            and together <= self._batch
            and together * height * width <= self._pixels
        )


def in_order(runner: Runner, batches: Iterable[np.ndarray]) -> Passes:
    """Runs batches and yields what they became, in their order.

    A `RunnerPool` is given the next ones before the first is restored: as many as keep
    it busy, and as many again, which wait. When the iterator is closed, those that wait
    are given up.
    """
    if not isinstance(runner, RunnerPool):
        yield from map(runner, batches)
        return
    ahead: collections.deque[Future[np.ndarray]] = collections.deque()
    try:
        for batch in batches:
            ahead.append(runner.submit(batch))
            if len(ahead) >= 2 * runner.at_once:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        for future in ahead:
            future.cancel()
