import os
import signal
import subprocess
import sys

import pytest

from egnet_tf import train
from egnet_tf.data import open_pairs
from egnet_tf.images.write import write_image
from egnet_tf.locks import LOCK, only_process
from egnet_tf.training import Recipe, RunFolder, resumption
from helpers import call, command, environment, random_image

FLAGS = ["--variant=egnet_testing", "--crop=16", "--backbone_steps=2"]


@pytest.fixture
def photos(tmp_path):
    for number, image in enumerate(random_image((4, 40, 50, 3))):
        write_image(tmp_path / "photos" / f"{number}.png", image)
    return tmp_path / "photos"


@pytest.fixture
def begun(tmp_path, photos):
    """The flags of a run that has begun."""
    recipe = Recipe(
        variant="egnet_testing",
        crop=16,
        backbone_steps=2,
        dataset="camera_shake",
        data_dir=str(photos),
    )
    pairs = [
        open_pairs("camera_shake", data_dir=str(photos), split=split, seed=seed)
        for split, seed in (("train", recipe.seed), ("test", 0))
    ]
    run = RunFolder(tmp_path / "run")
    resumption.begin(run, recipe, resumption.Inputs.of(recipe, *pairs))
    (run.path / "metrics.csv").touch()
    data = ["--dataset=camera_shake", f"--data_dir={photos}"]
    return [*FLAGS, *data, f"--run={run.path}"]


def refused(done, *parts):
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert all(part in done.stderr for part in parts), done.stderr


def test_second_process_on_a_run_is_refused_and_told_of_the_first(begun, tmp_path):
    with only_process(tmp_path / "run"):
        refused(call("egnet_tf.train", *begun), f"process {os.getpid()} on ", "run")
    assert not (tmp_path / "run" / LOCK).exists()


def test_dataset_that_grew_is_noticed_before_tensorflow_is_imported(begun, photos):
    for number, image in enumerate(random_image((9, 40, 50, 3), seed=1)):
        write_image(photos / f"new{number}.png", image)
    done = command("egnet_tf.train", *begun, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 1
    said = [x for x in done.stderr.splitlines() if not x.startswith("import time:")]
    assert len(said) == 1 and "training pairs: 3 -> 11" in said[0]
    assert "--resume_with=data " in said[0]
    imported = {x.rpartition("|")[2].strip() for x in done.stderr.splitlines()}
    assert "numpy" in imported and not imported & {"tensorflow", "keras"}


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--backbone_steps=9"], "--resume_with=steps "),
        (["--crop=32"], "--crop: 16 -> 32"),
        (["--resume_with=everything"], "one of steps, data"),
        (["--run="], "Expected --run"),
        (["--data_dir=nowhere"], "Received: nowhere"),
    ],
)
def test_run_that_cannot_be_resumed_so_is_refused_in_one_line(begun, words, part):
    refused(call("egnet_tf.train", *begun, *words), part)


def test_refused_call_makes_no_folder(tmp_path):
    run = tmp_path / "runs" / "new"
    words = [*FLAGS, "--dataset=camera_shake:nowhere", f"--run={run}"]
    refused(call("egnet_tf.train", *words), "nowhere")
    assert not (tmp_path / "runs").exists()


def test_folder_that_cannot_be_written_is_one_line(tmp_path, photos):
    (tmp_path / "file").touch()
    words = [*FLAGS, f"--dataset=camera_shake:{photos}", f"--run={tmp_path}/file/run"]
    refused(call("egnet_tf.train", *words), "Not a directory")


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="Windows has another Ctrl-C")
@pytest.mark.parametrize("module", ["absl", "tqdm", "tensorflow"])
def test_ctrl_c_while_a_command_imports_is_one_line(begun, tmp_path, module):
    """A module that is interrupted in its middle, and makes that another error."""
    (tmp_path / "fake" / module).mkdir(parents=True)
    swallowed = module == "tensorflow"
    (tmp_path / "fake" / module / "__init__.py").write_text(
        "import os, signal, time\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(30)\n"
        "except KeyboardInterrupt:\n"
        f"    {'raise ImportError' if swallowed else 'raise'}\n"
    )
    path = environment()["PYTHONPATH"]
    environ = environment(PYTHONPATH=f"{tmp_path / 'fake'}{os.pathsep}{path}")
    name = "egnet_tf.prepare" if module == "tqdm" else "egnet_tf.train"
    words = [sys.executable, "-m", name, *begun]
    # As in a shell's foreground, whatever this process was started by.
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        env=environ,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert done.stderr == "error: interrupted\n"
    assert done.returncode == (130 if swallowed else -signal.SIGINT)
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "table",
    [
        "",
        "phase,step,psnr\nbackbone,2,20.5\n",
        "phase,step,psnr,ssim,seconds,parameters\nbackbone,2,inf,nan,inf,-1\n",
        "phase,step,psnr,seconds,parameters\nbackbone,2,1e999,1e30,inf\n",
        "phase,step,psnr\nensemble,0,21\nensemble,4,20\n",
        "\0\0\0",
    ],
)
def test_end_of_a_run_is_told_whatever_its_table_holds(tmp_path, table):
    (tmp_path / "metrics.csv").write_text(table)
    told = train._table(RunFolder(tmp_path), from_blurry=True, others={})
    assert train._time(RunFolder(tmp_path)).endswith(" minutes")
    assert ("self-ensemble" if "ensemble" in table else "backbone") in told or (
        "is gone" in told and "phase" not in table
    )
