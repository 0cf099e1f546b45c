import os
import signal
import subprocess
import sys
import time

import pytest

from egnet_tf.errors import InputError
from egnet_tf.locks import LOCK, only_process
from helpers import environment, python

pytestmark = pytest.mark.process

HOLD = """
import sys, time
from pathlib import Path
from egnet_tf.locks import only_process
with only_process(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""
COUNT = """
import sys, time
from pathlib import Path
from egnet_tf.errors import InputError
from egnet_tf.locks import only_process
folder, done = Path(sys.argv[1]), 0
while done < 50:
    try:
        with only_process(folder):
            # Two at once would lose counts.
            count = folder.parent / "count"
            number = int(count.read_text())
            time.sleep(0.0005)
            count.write_text(str(number + 1))
            done += 1
    except InputError as error:
        assert "at work" in str(error)
        time.sleep(0.0005)
"""


def start(code, folder, **options):
    words = [sys.executable, "-c", code, str(folder)]
    return subprocess.Popen(words, env=environment(), text=True, **options)


def test_second_process_is_refused_and_told_of_the_first(tmp_path):
    folder = tmp_path / "run"
    first = start(HOLD, folder, stdout=subprocess.PIPE)
    try:
        assert first.stdout.readline() == "locked\n"
        with (
            pytest.raises(
                InputError, match=f"{folder}. .*process {first.pid} on .* 20"
            ),
            only_process(folder),
        ):
            pass
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    # What it left behind locks nothing.
    assert (folder / LOCK).exists()
    with only_process(folder):
        assert f"process {os.getpid()} " in (folder / LOCK).read_text()
    assert not (folder / LOCK).exists()


def test_lock_of_nothing_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), only_process(tmp_path / "a" / "b"):
        raise ZeroDivisionError
    assert not any(tmp_path.iterdir())
    with only_process(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "file").touch()
    assert os.listdir(tmp_path / "a" / "b") == ["file"]


def test_odd_contents_of_the_file_of_a_dead_process_do_not_matter(tmp_path):
    (tmp_path / LOCK).write_bytes(b"\xff\x00" * 5000)
    with only_process(tmp_path):
        assert (tmp_path / LOCK).stat().st_size < 200


@pytest.mark.slow
def test_many_processes_get_a_folder_one_at_a_time(tmp_path):
    (tmp_path / "count").write_text("0")
    crowd = [start(COUNT, tmp_path / "run") for _ in range(4)]
    deadline = time.monotonic() + 120
    for process in crowd:
        assert process.wait(deadline - time.monotonic()) == 0
    assert (tmp_path / "count").read_text() == "200"


def test_lock_needs_no_tensorflow():
    done = python("-c", "import egnet_tf.locks, sys; sys.exit('numpy' in sys.modules)")
    assert done.returncode == 0, done.stderr
