import json
import os
import shlex
import signal
import subprocess
import time

import numpy as np
import pytest

from egnet_tf.data import open_pairs
from egnet_tf.data.prepare import write_shards
from egnet_tf.images.write import write_image
from egnet_tf.locks import only_process
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


def prepared_photos(folder, count=3):
    for number, image in enumerate(random_image((count, 40, 50, 3))):
        write_image(folder / "photos" / f"{number}.png", image)
    return f"--dataset=camera_shake:{folder}/photos"


def content(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


def flip(path):
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)


@pytest.mark.parametrize("form", ["images", "shards"])
def test_damaged_files_are_repaired_by_the_same_command(tmp_path, form):
    words = [prepared_photos(tmp_path), f"--form={form}", f"--output={tmp_path}/out"]
    assert run(*words).returncode == 0
    expected = content(tmp_path / "out")
    data = sorted(x for x in expected if x.suffix in (".png", ".npy"))
    assert len(data) == (4 if form == "images" else 2)
    for damage in (flip, lambda path: os.truncate(path, 100), os.unlink):
        for file in data:
            damage(tmp_path / "out" / file)
        done = run(*words)
        assert done.returncode == 0, done.stderr
        assert content(tmp_path / "out") == expected


def test_moved_dataset_resumes_and_leftovers_are_removed(tmp_path):
    words = ["--form=images", f"--output={tmp_path}/out"]
    assert run(prepared_photos(tmp_path), *words).returncode == 0
    expected = content(tmp_path / "out")
    for folder in ("train", "train/blurry"):
        (tmp_path / "out" / folder / ".unfinished-00112233.png").touch()
    (tmp_path / "photos").rename(tmp_path / "moved")
    moved = ["--dataset=camera_shake", f"--data_dir={tmp_path}/moved"]
    done = run(*moved, *words)
    assert done.returncode == 0, done.stderr
    job = expected.keys() - {path for path in expected if path.suffix == ".json"}
    found = content(tmp_path / "out")
    assert found.keys() == expected.keys()
    assert all(found[path] == expected[path] for path in job)
    done = run(*moved, *words, "--seed=1")
    assert done.returncode == 1 and "seed=0 there, 1 asked for" in done.stderr


@pytest.mark.parametrize("name", ["../../../out", "/tmp/egnet_tf_out", "a/../../b"])
def test_names_of_shards_do_not_lead_out_of_the_output(tmp_path, name):
    words = [prepared_photos(tmp_path), "--crop=0", f"--output={tmp_path}/shards"]
    assert run(*words).returncode == 0
    manifest = tmp_path / "shards" / "train" / "manifest.json"
    values = json.loads(manifest.read_text())
    values["shards"] = [{name: next(iter(x.values()))} for x in values["shards"][:1]]
    manifest.write_text(json.dumps(values))
    before = content(tmp_path)
    output = tmp_path / "a" / "b" / "c"
    done = run(
        *(f"--dataset=shards:{tmp_path}/shards", "--form=images"),
        f"--output={output}",
    )
    assert done.returncode == 1 and "name of a file below" in done.stderr
    new = set(content(tmp_path)) - set(before)
    assert new == {(output / "train" / "job.json").relative_to(tmp_path)}


@pytest.mark.parametrize(
    "name", ["a, b*2 ", "a\nb", os.fsdecode(b"fot\xe4"), "[1]*", "-x"], ids=ascii
)
@pytest.mark.skipif(os.name == "nt", reason="names that Windows does not have")
def test_any_folder_is_prepared_and_told_as_it_can_be_given(tmp_path, name):
    data, output = tmp_path / name / "in", tmp_path / name / "out"
    prepared_photos(data)
    data = json.dumps(str(data / "photos"))
    done = run(f"--dataset=camera_shake:{data}", f"--output={output}")
    assert done.returncode == 0, done.stderr
    told = done.stdout.rstrip("\n").partition("crops: ")[2]
    (word,) = shlex.split(told)
    assert len(open_pairs(word.removeprefix("--dataset="), split="train")) == 2


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_second_preparation_at_the_same_time_is_refused(tmp_path):
    words = [prepared_photos(tmp_path), f"--output={tmp_path}/out"]
    with only_process(tmp_path / "out" / "train"):
        done = run(*words)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert f"process {os.getpid()} on" in done.stderr
    assert run(*words).returncode == 0


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
