import os
import sys

import numpy as np
import pytest

from egnet_tf.benchmarks.memory import peak_memory
from egnet_tf.errors import InputError

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="tells no peak"),
    pytest.mark.slow,
    pytest.mark.process,
]

# What runs in another process must be importable there, and this file is not.
ONES = np.ones


def test_peak_memory_counts_only_what_the_function_allocates():
    # A process's own largest use until now must not hide what the function takes.
    np.ones(150_000_000, np.uint8)
    assert peak_memory(ONES, 100_000_000, np.uint8) == pytest.approx(1e8, rel=0.1)


def test_peak_memory_reports_a_process_killed_by_the_system():
    with pytest.raises(InputError, match=r"Expected enough memory.*Received: _exit"):
        peak_memory(os._exit, 9)
