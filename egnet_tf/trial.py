"""Tries a file out in a process of its own, before this one opens it.

Libraries written in C crash on some damaged or hostile files, never return, or take
all memory. Where that happens, it ends the trial and not the program.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from egnet_tf.errors import InputError

_SECONDS = 120.0
"""How long a trial may take: a model that needs longer for one tile is of no use."""

_SLACK = 2 * 2**30
"""Bytes beside the limit for what any process takes: libraries, stacks of threads."""

_CODE = """
import sys
sys.path[:] = [sys.argv[1], *filter(None, sys.path)]  # Not the working folder.
from egnet_tf import trial
trial._run()
"""


def try_out(
    function: Callable[[str], object],
    path: str | os.PathLike[str],
    *,
    memory: int,
    seconds: float = _SECONDS,
) -> None:
    """Calls a function with a path in a process of its own.

    Args:
        function: of a module, so that its name finds it again; what it returns is lost.
        path: of the file or folder.
        memory: bytes that it may take (where the system can limit them: on Linux).
        seconds: that it may take.

    Raises:
        InputError: it raised one, or any other exception, or ended in another way.
    """
    if not sys.executable:  # Python inside another program.
        function(os.fspath(path))
        return
    root = str(Path(__file__).parents[1])
    words = [function.__module__, function.__qualname__, os.fspath(path), str(memory)]
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CODE, root, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # No GPU: it is this process's, and its memory cannot be limited.
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise _unusable(path, f"no end after {seconds:g} seconds") from None
    if done.returncode < 0:
        name = str(-done.returncode)
        with contextlib.suppress(ValueError):
            name = signal.Signals(-done.returncode).name
        raise _unusable(path, f"a crash of the library that opens it ({name})")
    try:
        refused, other = json.loads(done.stdout)
    except ValueError:
        raise _unusable(path, f"the exit code {done.returncode}") from None
    if refused is not None:
        raise InputError(refused)
    if other is not None:
        raise _unusable(path, other)


def one_line(error: BaseException) -> str:
    """What a library says of a file, in one line that is not too long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."


def _unusable(path: str | os.PathLike[str], why: str) -> InputError:
    return InputError(
        f"Expected a file that can be used. Received: {os.fspath(path)}, with {why} in "
        "a process of its own"
    )


def _run() -> None:
    """The other process: prints what went wrong as JSON, [None, None] for nothing."""
    module, name, path, memory = sys.argv[2:]
    _limit(int(memory))
    # What libraries print goes nowhere.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    refused = other = None
    try:
        function = getattr(__import__(module, fromlist=[name]), name)
        function(path)
    except InputError as error:
        refused = str(error)
    except MemoryError:
        other = f"more than {int(memory) / 2**30:.3g} GiB of memory"
    except BaseException as error:
        other = f"{type(error).__name__}: {one_line(error)}"
    json.dump([refused, other], answer)
    answer.close()


def _limit(memory: int) -> None:
    try:
        import resource
    except ImportError:  # On Windows.
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    stacks = 16 * 2**20 * (os.cpu_count() or 1)
    most = memory + _SLACK + stacks
    if resource.getrlimit(resource.RLIMIT_DATA)[1] != resource.RLIM_INFINITY:
        most = min(most, resource.getrlimit(resource.RLIMIT_DATA)[1])
    # Where the system does not know it, there is no limit.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
