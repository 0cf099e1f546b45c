"""Keeps TensorFlow's start-up notices out of a command's own output.

Which instructions the CPU has and that there is no GPU is of no interest to somebody
who deblurs a photo. Part of it is written before TensorFlow's log level counts, so its
import is muted, whenever and by whomever it happens.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Iterator


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
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.meta_path.insert(0, _QuietTensorFlow())


class _QuietTensorFlow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None:
            execute = spec.loader.exec_module

            def execute_muted(module):
                with muted_stderr():
                    execute(module)
                module.get_logger().setLevel("WARNING")

            spec.loader.exec_module = execute_muted
        return spec
