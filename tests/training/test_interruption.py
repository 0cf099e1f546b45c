"""In a process of their own: a signal that comes late ends this one, and its tests."""

import signal
import subprocess
import sys

import pytest

FIRST = """
import signal, sys
from egnet_tf.training.interruption import stop_signals
number = int(sys.argv[1])
before = signal.getsignal(number)
with stop_signals() as stopped:
    assert not stopped()
    signal.raise_signal(number)
    assert stopped()
assert signal.getsignal(number) is before
"""
SECOND = """
import signal
from egnet_tf.training.interruption import stop_signals
# A shell starts what it puts into the background with Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    with stop_signals() as stopped:
        signal.raise_signal(signal.SIGINT)
        assert stopped()
        signal.raise_signal(signal.SIGINT)
        print("not stopped")
except KeyboardInterrupt:
    print("stopped")
"""


def run(code, *words):
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_stop_signal_only_requests_a_stop(number):
    done = run(FIRST, str(int(number)))
    assert done.returncode == 0, done.stderr


def test_second_ctrl_c_stops_at_once():
    assert run(SECOND).stdout == "stopped\n"
