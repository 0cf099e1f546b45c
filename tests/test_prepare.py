import os
import signal
import subprocess
import time

import numpy as np
import pytest

from egnet_tf.data import open_pairs
from egnet_tf.data.prepare import write_shards
from egnet_tf.images.write import write_image
from helpers import call, random_image, start


def run(*words):
    return call("egnet_tf.prepare", *words)


def assert_same(pairs, expected):
    assert pairs.names == expected.names
    for index in range(len(expected)):
        for a, b in zip(pairs.read(index), expected.read(index), strict=True):
            np.testing.assert_array_equal(a, b)


def test_samples_become_shards_and_images(tmp_path):
    expected = open_pairs("samples", split="test", seed=3)
    arguments = ["--dataset=samples", "--split=test", "--seed=3", "--crop=0"]
    for form, dataset in (("shards", "shards"), ("images", "folder")):
        output = tmp_path / form
        done = run(*arguments, f"--form={form}", f"--output={output}")
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"6 pairs, 6 crops: --dataset={dataset}:{output}\n"
        assert_same(open_pairs(f"{dataset}:{output}", split="test"), expected)


def test_wrong_call_is_refused_in_one_line(tmp_path):
    done = run("--dataset=gopro", f"--output={tmp_path}")
    assert done.returncode == 1
    assert done.stderr.startswith("error: Expected a folder for the dataset gopro")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_killed_preparation_resumes_to_the_same_shards(tmp_path):
    for number, image in enumerate(random_image((20, 200, 300, 3))):
        write_image(tmp_path / "photos" / f"{number}.png", image)
    arguments = [f"--dataset=camera_shake:{tmp_path}/photos", "--crop=96"]
    arguments += ["--overlap=48", "--workers=1", f"--output={tmp_path}/killed"]
    folder = tmp_path / "killed" / "train"
    process = start("egnet_tf.prepare", *arguments, stderr=subprocess.DEVNULL)
    while not (folder / "000003.npy").exists():
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "manifest.json").exists()
    first = (folder / "000000.npy").stat().st_mtime_ns

    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert (folder / "000000.npy").stat().st_mtime_ns == first
    pairs = open_pairs(f"camera_shake:{tmp_path}/photos", split="train")
    unbroken = tmp_path / "unbroken"
    unbroken.mkdir()
    sizes = {"crop": 96, "overlap": 48, "workers": 2}
    write_shards(pairs, unbroken, {}, **sizes, progress=lambda _: None)
    shards = sorted(unbroken.glob("*.npy"))
    assert len(shards) == 18
    for path in shards:
        assert path.read_bytes() == (folder / path.name).read_bytes()
