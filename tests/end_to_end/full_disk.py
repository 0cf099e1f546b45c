"""Trains until the disk is full, makes room, resumes, and is told to stop.

python full_disk.py MODE DATA RUNS

MODE tmpfs mounts a small disk on RUNS (which takes a mount namespace) and fills it;
MODE limit forbids the training process to write files of more than 4 KiB, which any
user may. The first is told by SIGTERM, the second by Ctrl-C. Prints what happened as
JSON.
"""

import json
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from helpers import start

FLAGS = [
    *[
        "--variant=egnet_testing",
        "--dataset=camera_shake",
        "--loss=mprnet",
        "--crop=16",
    ],
    *["--backbone_steps=1000000", "--checkpoint_every=1", "--validation_pairs=1"],
]


def steps_saved(run):
    files = (run / "checkpoints" / "backbone").glob("*.index")
    return max((int(re.sub(r"\D", "", path.stem)) for path in files), default=0)


def train(data, run):
    return start(
        "egnet_tf.train",
        *[*FLAGS, f"--data_dir={data}", f"--run={run}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_checkpoint(process, run, after):
    while steps_saved(run) <= after and process.poll() is None:
        time.sleep(0.05)


def fill(process, mode, runs):
    if mode == "limit":
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, 4096))
        return
    filler = (runs / "filler").open("wb", buffering=0)
    for size in (2**16, 1):
        try:
            while True:
                filler.write(bytes(size))
        except OSError:
            pass


def main(mode, data, runs):
    run = runs / "run"
    if mode == "tmpfs":
        runs.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", runs]
        subprocess.run(mount, check=True)
    process = train(data, run)
    wait_for_checkpoint(process, run, after=1)
    fill(process, mode, runs)
    _, stderr = process.communicate()
    saved = steps_saved(run)
    (runs / "filler").unlink(missing_ok=True)

    again = train(data, run)
    wait_for_checkpoint(again, run, after=saved)
    again.send_signal(signal.SIGTERM if mode == "tmpfs" else signal.SIGINT)
    stdout, again_stderr = again.communicate()
    print(
        json.dumps(
            {
                "code": process.returncode,
                "stderr": stderr,
                "saved": saved,
                "again_code": again.returncode,
                "again_stdout": stdout,
                "again_stderr": again_stderr,
                "again_saved": steps_saved(run),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
