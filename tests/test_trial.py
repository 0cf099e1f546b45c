import ctypes
import os
import signal
import sys
import time

import numpy as np
import pytest

from egnet_tf.errors import InputError
from egnet_tf.trial import one_line, try_out

pytestmark = pytest.mark.process


def write(path):
    print("what a library prints")
    with open(path, "a") as file:
        file.write("tried")


def refuse(path):
    raise InputError(f"Expected better. Received: {path}")


def fail(path):
    raise KeyError("two\nlines")


def crash(path):
    ctypes.string_at(0)


def abort(path):
    os.abort()


def leave(path):
    os._exit(7)


def hang(path):
    time.sleep(60)


def take_memory(path):
    np.ones(2**33, np.uint8)


def said(function, path, **limits):
    with pytest.raises(InputError) as raised:
        try_out(function, path, memory=2**30, **limits)
    text = str(raised.value)
    assert "\n" not in text and str(path) in text
    return text


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """The other process imports this file by its name."""
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    for function in (write, refuse, fail, crash, abort, leave, hang, take_memory):
        monkeypatch.setattr(function, "__module__", "test_trial")


def test_a_function_that_returns_is_done(tmp_path, capfd):
    path = tmp_path / "fi\udce4le \n.txt" if os.name == "posix" else tmp_path / "x"
    try_out(write, path, memory=2**30)
    assert path.read_text() == "tried"
    assert capfd.readouterr() == ("", "")


def test_whatever_ends_the_other_process_is_told(tmp_path):
    assert said(refuse, tmp_path) == f"Expected better. Received: {tmp_path}"
    assert "KeyError: 'two\\nlines'" in said(fail, tmp_path)
    assert "exit code 7" in said(leave, tmp_path)
    start = time.monotonic()
    assert "no end after 2 seconds" in said(hang, tmp_path, seconds=2)
    assert time.monotonic() - start < 30


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no signals")
def test_a_crash_is_told_by_its_signal(tmp_path):
    assert "(SIGSEGV)" in said(crash, tmp_path)
    assert "(SIGABRT)" in said(abort, tmp_path)
    assert not list(tmp_path.iterdir())  # No core file.


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells no peak")
def test_memory_is_limited(tmp_path):
    assert "more than 1 GiB of memory" in said(take_memory, tmp_path)


def test_one_line_is_one_line():
    assert one_line(ValueError("a\n  b" + 300 * "c")) == "a b" + 197 * "c" + "..."
    assert one_line(ValueError()) == "ValueError"
