"""Works on several photos at once: enough for the network, within the memory.

Each thread reads a photo, has it restored and writes it. So while the network is at
work on some photos, others are decoded and encoded, and none waits for a step of
another but for the network itself (`egnet_tf.inference.runners.pool`).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Need(NamedTuple):
    """What a photo takes while it is worked on.

    Attributes:
        held: bytes of the photo, decoded and encoded, and of its row of tiles.
        in_pass: bytes of a forward pass over one of its tiles.
        tiles: how many it has.
    """

    held: int = 0
    in_pass: int = 0
    tiles: int = 0


class InFlight:
    """Admits photos to the work as others leave it; always one at least.

    Together they hold at most half of the memory, or what the largest forward pass
    leaves of it if that is less: the other half is for the passes.

    Args:
        memory: bytes.
        photos: so many are admitted whatever their size, as far as memory goes...
        tiles: ...and more while all of them together have fewer tiles than these.
    """

    def __init__(self, memory: int, photos: int, tiles: int):
        self._memory, self._photos, self._tiles = memory, photos, tiles
        self._needs: dict[object, Need] = {}
        self._changed = threading.Condition()

    def enter(self, need: Need) -> object:
        """Waits until the photo fits; returns what `leave` takes."""
        ticket = object()
        with self._changed:
            self._changed.wait_for(lambda: self.fits(need))
            self._needs[ticket] = need
        return ticket

    def leave(self, ticket: object) -> None:
        """Says that a photo is done."""
        with self._changed:
            del self._needs[ticket]
            self._changed.notify_all()

    def fits(self, need: Need) -> bool:
        """Whether a photo would be admitted at once."""
        needs = [*self._needs.values(), need]
        if len(needs) == 1:
            return True
        tiles = sum(other.tiles for other in self._needs.values())
        if len(self._needs) >= self._photos and tiles >= self._tiles:
            return False
        largest = max(other.in_pass for other in needs)
        room = min(self._memory // 2, self._memory - largest)
        return sum(other.held for other in needs) <= room


class StoppedError(Exception):
    """The work was stopped."""


def work_at_once(
    items: Sequence[T],
    work: Callable[[T, Callable[[Any], None]], None],
    need: Callable[[T], Need],
    in_flight: InFlight,
    *,
    threads: int,
    on_stop: Callable[[], None],
) -> Generator[Any, None, None]:
    """Calls `work` for each item, in threads, and yields what they say.

    Args:
        items: begun in this order, each as soon as a thread is free and it fits.
        work: gets an item and what it says something by. That raises `StoppedError`
            once the iterator was closed.
        need: of an item; raises nothing.
        in_flight: what admits the items.
        threads: how many.
        on_stop: called when the iterator ends or is closed, before the threads are
            waited for.
    """
    said: queue.SimpleQueue[Any] = queue.SimpleQueue()
    end, stopped, turn, rest = (
        object(),
        threading.Event(),
        threading.Lock(),
        iter(items),
    )

    def say(something: Any) -> None:
        if stopped.is_set():
            raise StoppedError
        said.put(something)

    def thread() -> None:
        try:
            while not stopped.is_set():
                with turn:
                    for item in rest:
                        ticket = in_flight.enter(need(item))
                        break
                    else:
                        return
                try:
                    work(item, say)
                finally:
                    in_flight.leave(ticket)
        finally:
            said.put(end)

    pool = ThreadPoolExecutor(threads, "photo")
    try:
        working = [pool.submit(thread) for _ in range(threads)]
        ended = 0
        while ended < threads:
            try:
                # On Windows, Ctrl-C waits for the end of a wait.
                something = said.get(timeout=0.5)
            except queue.Empty:
                continue
            if something is end:
                ended += 1
            else:
                yield something
        for future in working:
            future.result()
    finally:
        stopped.set()
        on_stop()
        pool.shutdown()
