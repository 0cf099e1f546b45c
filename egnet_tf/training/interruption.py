"""Stopping a run in order: by SIGTERM, as job schedulers send it, or by Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator


class Interrupted(Exception):  # noqa: N818 (nothing went wrong)
    """The run was told to stop; everything is saved, and the same command resumes."""


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Inside, SIGTERM and Ctrl-C only make the yielded function return True.

    A second Ctrl-C raises KeyboardInterrupt at once: the first may have come in the
    middle of a long validation.
    """
    received = False

    def stop(number, frame):
        nonlocal received
        received = True
        signal.signal(signal.SIGINT, earlier[signal.SIGINT])

    numbers = (signal.SIGTERM, signal.SIGINT)
    earlier = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield lambda: received
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
