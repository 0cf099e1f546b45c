"""The memory that a function takes: the peak of a process of its own."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NamedTuple

from egnet_tf.cli import quiet_tensorflow
from egnet_tf.errors import InputError


class Measured(NamedTuple):
    """What a function returned, and the peak of its process above the start, bytes."""

    result: Any
    peak: int


def peak_memory(function: Callable[..., object], *args: object) -> int:
    """The peak of `measured_apart`, in bytes."""
    return measured_apart(function, *args).peak


def measured_apart(function: Callable[..., object], *args: object) -> Measured:
    """Runs `function(*args)` in a fresh process and reads its largest resident set.

    TensorFlow frees and keeps memory as it likes, so a second measurement in one
    process would see what the first left behind. The process is spawned, not forked,
    imports what the function needs and starts TensorFlow; what is resident then is
    subtracted. All that the function makes is counted: weights, activations,
    gradients, scratch space of the kernels. It must be one of a module, to be pickled.

    Raises:
        InputError: the system ended the process (it ran out of memory), or does not
            report the peak of a process (Windows).
    """
    context = multiprocessing.get_context("spawn")
    quiet = quiet_tensorflow.install
    with ProcessPoolExecutor(1, mp_context=context, initializer=quiet) as pool:
        try:
            return pool.submit(_measured, function, args).result()
        except BrokenProcessPool:
            raise InputError(
                "Expected enough memory for the measurement: the system ended its "
                f"process. Received: {function.__name__}{args}"
            ) from None


def _measured(function: Callable[..., object], args: tuple) -> Measured:
    import tensorflow as tf

    # TensorFlow starts its threads and allocators at the first operation.
    tf.square(tf.zeros(1)).numpy()
    start = peak_resident()
    result = function(*args)
    return Measured(result, peak_resident() - start)


def peak_resident() -> int:
    """The largest resident set of this process until now, in bytes."""
    if sys.platform == "linux":
        # Not getrusage: there a process begins with the peak of its parent.
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    try:
        import resource
    except ImportError:
        raise InputError(
            "Expected a system that reports the peak memory of a process (Linux, "
            f"macOS). Received: {sys.platform}"
        ) from None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # On macOS in bytes.
