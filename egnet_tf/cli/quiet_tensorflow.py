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
import sys
from collections.abc import Iterator
from types import ModuleType


@contextlib.contextmanager
def muted_stderr() -> Iterator[None]:
    """Discards what native code writes to the process's stderr meanwhile."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


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
                with muted_stderr():
                    execute(module)

            spec.loader.exec_module = execute_muted  # pyright: ignore
        return spec
