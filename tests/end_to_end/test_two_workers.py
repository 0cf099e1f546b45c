"""Two worker processes on this machine: one is killed, both resume."""

import json
import signal
import socket
import subprocess
import time

import numpy as np
import pytest

from helpers import command, start, weights

pytestmark = [pytest.mark.slow, pytest.mark.process]

STEPS = 12
FLAGS = f"""
--variant=egnet_testing --dataset=camera_shake --crop=32 --batch=2
--backbone_steps={STEPS} --checkpoint_every=2 --validation_pairs=1
--learning_rate=1e-3 --warmup_steps=2 --clip_norm=0.5 --nohsic
""".split()
PATIENCE = 1200


def flags(photos, run):
    return [*FLAGS, f"--data_dir={photos}", f"--run={run}"]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start_workers(photos, run):
    hosts = [f"127.0.0.1:{port}" for port in free_ports(2)]
    workers = []
    for index in range(2):
        place = {
            "cluster": {"worker": hosts},
            "task": {"type": "worker", "index": index},
        }
        # TensorFlow reports on lost connections; what counts is our last line.
        workers.append(
            start(
                "egnet_tf.train",
                *flags(photos, run),
                "--strategy=multi_worker",
                env={"TF_CONFIG": json.dumps(place)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return workers


@pytest.fixture
def workers():
    """Whatever is put in here has ended when the test has."""
    started = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_workers_resume_after_one_was_killed(photos, tmp_path, workers):
    """Both end, with the weights of one process that has the same global batch."""
    run = tmp_path / "workers"
    chief, other = start_workers(photos, run)
    workers += [chief, other]
    deadline = time.monotonic() + PATIENCE
    while not list((run / "checkpoints" / "backbone").glob("*.index")):
        assert chief.poll() is None and other.poll() is None, "ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    other.send_signal(signal.SIGKILL)
    _, stderr = chief.communicate(timeout=PATIENCE)
    assert chief.returncode == 1
    assert "start all of them again" in stderr.splitlines()[-1]

    chief, other = start_workers(photos, run)
    workers += [chief, other]
    outputs = [process.communicate(timeout=PATIENCE) for process in (chief, other)]
    assert [chief.returncode, other.returncode] == [0, 0], outputs
    assert "2 device(s)" in outputs[0][0] and not outputs[1][0]

    alone = tmp_path / "alone"
    done = command("egnet_tf.train", *flags(photos, alone))
    assert done.returncode == 0, done.stderr
    together, expected = (weights(x) for x in (run, alone))
    assert together.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(together[name], array, atol=1e-5, err_msg=name)
