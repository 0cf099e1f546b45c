"""A disk that fills up while a run trains, and a run that is told to stop."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import environment

pytestmark = [pytest.mark.slow, pytest.mark.process]

FULL_DISK = Path(__file__).with_name("full_disk.py")
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


def may_mount(folder):
    if not shutil.which("unshare"):
        return False
    mount = [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", folder]
    return subprocess.run(mount, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("limit", "File too large"), ("tmpfs", "No space left on device")],
)
def test_full_disk_is_reported_in_one_line_and_the_run_resumes(
    photos, tmp_path, mode, reason
):
    if mode == "tmpfs" and not may_mount(tmp_path):
        pytest.skip("no small disk can be mounted here; `limit` stands in for it")
    words = [sys.executable, FULL_DISK, mode, photos, tmp_path / "runs"]
    if mode == "tmpfs":
        words = [*NAMESPACE, *words]
    done = subprocess.run(words, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["code"] == 1, seen["stderr"]
    lines = [line.strip() for line in re.split(r"[\r\n]", seen["stderr"])]
    told = [line for line in lines if line and not line.startswith("backbone: ")]
    assert len(told) == 1 and told[0].startswith("error: "), told
    assert reason in told[0]

    # The last good checkpoint loads, training continues, and a signal ends it in order.
    assert seen["saved"] >= 2
    assert seen["again_code"] == 0, seen["again_stderr"]
    assert seen["again_saved"] > seen["saved"]
    assert "Stopped; all is saved." in seen["again_stdout"]
    assert "damaged" not in seen["again_stderr"]
