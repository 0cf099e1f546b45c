import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from egnet_tf.data import open_pairs
from egnet_tf.data.pictures import write_picture


def command(*arguments):
    return [sys.executable, "-m", "egnet_tf.prepare", *arguments]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True)


def assert_same(pairs, expected):
    assert pairs.names == expected.names
    for index in range(len(expected)):
        for a, b in zip(pairs.read(index), expected.read(index), strict=True):
            np.testing.assert_array_equal(a, b)


def test_samples_become_shards_and_pictures(tmp_path):
    expected = open_pairs("samples", split="test", seed=3)
    arguments = ["--dataset=samples", "--split=test", "--seed=3", "--crop=0"]
    for form, dataset in (("shards", "shards"), ("pictures", "folder")):
        output = tmp_path / form
        done = run(*arguments, f"--form={form}", f"--output={output}")
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"6 pairs, 6 records: --dataset={dataset}:{output}\n"
        assert_same(open_pairs(f"{dataset}:{output}", split="test"), expected)


def test_mistakes_are_one_line(tmp_path):
    for arguments, message in (
        (["--dataset=gopro"], "--data_dir=FOLDER"),
        (["--dataset=samples", "--overlap=512"], "below the crop 512. Received: 512"),
    ):
        done = run(*arguments, f"--output={tmp_path}")
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        assert message in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_killed_it_goes_on_and_ends_as_if_it_had_not_been(tmp_path):
    # 64 pairs in four shards.
    rng = np.random.default_rng(0)
    for number in range(71):
        picture = rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)
        write_picture(tmp_path / "photos" / f"{number}.png", picture)
    arguments = [f"--dataset=shake:{tmp_path}/photos", "--crop=96", "--overlap=48"]
    arguments += ["--workers=1"]
    assert run(*arguments, f"--output={tmp_path}/whole").returncode == 0

    arguments.append(f"--output={tmp_path}/killed")
    folder = tmp_path / "killed" / "train"
    process = subprocess.Popen(command(*arguments), stderr=subprocess.DEVNULL)
    while not (folder / "shard-00001.bin.unfinished").exists():
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "manifest.json").exists()
    first = (folder / "shard-00000.bin").stat().st_mtime_ns

    assert run(*arguments).returncode == 0
    assert (folder / "shard-00000.bin").stat().st_mtime_ns == first
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in (tmp_path / "whole" / "train").iterdir():
        assert path.read_bytes() == whole.pop(path.name)
    assert not whole
