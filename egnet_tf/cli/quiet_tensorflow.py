"""Keeps TensorFlow's start-up notices out of a command's own output.

Which instructions the CPU has and that there is no GPU is of no interest to somebody
who deblurs a photo. TensorFlow 2.21 writes part of it before its log level counts, so
its import is muted, whenever and by whomever it happens. TF_CPP_MIN_LOG_LEVEL=0 in the
environment lets everything through.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import ModuleType


@contextlib.contextmanager
def muted_stderr() -> Iterator[int]:
    """Discards what native code writes to the process's stderr meanwhile.

    Yields a file descriptor that still leads there.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield kept
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.contextmanager
def _ends_at_ctrl_c(stderr: int) -> Iterator[None]:
    """Inside, Ctrl-C ends the process with one line, written to `stderr`.

    In the middle of an import KeyboardInterrupt may become any other error. Nothing is
    lost: what takes time begins after the import.
    """

    def end(number: int, frame: object) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            os.write(stderr, b"error: interrupted\n")
        os._exit(130)

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def install() -> None:
    """Makes the first import of TensorFlow in this process a quiet one."""
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "0":
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:  # It may only have been asked whether TensorFlow is installed.
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_muted(module: ModuleType) -> None:
                with muted_stderr() as stderr, _ends_at_ctrl_c(stderr):
                    execute(module)

            spec.loader.exec_module = execute_muted  # pyright: ignore
        return spec
