"""Train, kill, resume, evaluate, export, deblur: as a person types it."""

import json
import os
import signal
import subprocess
import time

import cv2
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import helpers

pytestmark = [pytest.mark.slow, pytest.mark.process]

RECIPE = """
# the smallest network with every part in it
--variant=egnet_testing
--dataset=camera_shake
--crop=32
--batch=2
--backbone_steps=6
--egn_steps=6
--ensemble_steps=4
--learning_rate=1e-3
--warmup_steps=2
--clip_norm=0.5
--checkpoint_every=2
--validation_pairs=1
"""


def command(folder, *words, check=True):
    done = helpers.command(*words, cwd=folder)
    if check:
        assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def place(tmp_path_factory, photos):
    """A folder with a flag file, and a finished run."""
    folder = tmp_path_factory.mktemp("main_job")
    (folder / "recipe.flags").write_text(f"{RECIPE}--data_dir={photos}\n")
    command(folder, "egnet_tf.train", "--flagfile=recipe.flags", "--run=runs/whole")
    return folder


def test_finished_run_is_complete(place):
    run = place / "runs" / "whole"
    rows = (run / "metrics.csv").read_text().splitlines()
    assert [tuple(row.split(",")[:2]) for row in rows[1:]] == [
        ("backbone", "0"),
        ("backbone", "6"),
        ("egn", "0"),
        ("egn", "6"),
        ("ensemble", "0"),
        ("ensemble", "4"),
    ]
    # EGN starts as the identity: its phase begins where the backbone's ended.
    scores = [row.split(",")[2:4] for row in rows[1:]]
    assert scores[1] == scores[2]
    assert cv2.imread(os.fspath(run / "compare.png")).shape[1] > 1000
    for phase in ("backbone", "egn", "ensemble"):
        logs = EventAccumulator(os.fspath(run / "logs" / phase))
        logs.Reload()
        stages = (
            ("restored",) if phase == "ensemble" else ("stage1", "stage2", "stage3")
        )
        terms = {
            f"{term}{stage}"
            for term in ("content", "gradient", "ms_ssim")
            for stage in ("", *(f"/{stage}" for stage in stages))
        }
        assert set(logs.Tags()["tensors"]) == {
            *("loss/total", *(f"loss/{term}" for term in terms)),
            *(f"loss_share/{term}" for term in terms),
            *("training/psnr", "training/gradient_norm", "training/learning_rate"),
            *("input/images_per_second", "input/waiting_share"),
            *("validation/psnr", "validation/ssim", "validation/hsic", "samples"),
        }
    assert (run / "best" / "weights" / "model.json").is_file()
    assert len(list((run / "checkpoints" / "egn").glob("*.index"))) == 3


def test_killed_run_ends_with_the_same_weights(place):
    run = place / "runs" / "killed"
    train = ["egnet_tf.train", "--flagfile=recipe.flags", f"--run={run}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = helpers.start(*train, cwd=place, **quiet)
    deadline = time.monotonic() + 600
    while not list((run / "checkpoints" / "egn").glob("*.index")):
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()

    command(place, *train)
    whole = helpers.weights(place / "runs" / "whole")
    resumed = helpers.weights(run)
    assert whole.keys() == resumed.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)


def test_different_recipe_is_refused_in_the_same_run(place):
    done = command(
        place,
        *["egnet_tf.train", "--flagfile=recipe.flags", "--run=runs/whole"],
        *["--batch=1", "--nogradient_loss"],
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: ")
    assert "--batch: 2 -> 1, --gradient_loss: true -> false" in done.stderr


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--crop=36"], "multiple of 8"),
        (["--backbone_steps=0", "--egn_steps=0", "--ensemble_steps=0"], "above 0"),
        (["--noegn"], "--egn_steps=0"),
        (["--data_dir=nowhere"], "nowhere"),
        (["--learning_rte=1"], "learning_rate"),
    ],
)
def test_wrong_recipe_is_refused_in_one_line(place, tmp_path, words, part):
    run = f"--run={tmp_path}/wrong"
    done = command(
        place,
        *["egnet_tf.train", "--flagfile=recipe.flags", run, *words],
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert part in done.stderr


def test_evaluation_of_a_run_writes_scores(place, photos):
    done = command(
        place,
        *["egnet_tf.evaluate", "--model=runs/whole", "--dataset=camera_shake"],
        f"--data_dir={photos}",
    )
    folder = place / "runs" / "whole" / "evaluation" / "camera_shake_plain"
    assert len((folder / "scores.csv").read_text().splitlines()) >= 2
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["protocol"] == "plain"
    assert "PSNR" in done.stdout


def test_exports_of_a_run_agree_and_deblur(place, photos):
    done = command(
        place,
        *["export.tflite", "--model=runs/whole", "--output=dist", "--tile=64"],
    )
    files = [f"whole_{mode}.tflite" for mode in ("float16", "float32")]
    beside = [f"{name}.json" for name in files]
    assert sorted(os.listdir(place / "dist")) == sorted(files + beside), done.stdout
    assert all(name in done.stdout for name in files)

    # 64 x 64, the tile's own size: the whole image on both ways.
    photo = cv2.imread(os.fspath(photos / "chelsea.png"))[:, :64]
    cv2.imwrite(os.fspath(place / "photo.png"), photo)
    # The file holds the plain network, without the self-ensemble.
    models = {
        "k.png": ["runs/whole", "--branches=whole"],
        "t.png": [f"dist/{files[1]}"],
    }
    for output, (model, *words) in models.items():
        command(
            place,
            *["egnet_tf.deblur", f"--model={model}", "--input=photo.png"],
            *[f"--output={output}", *words],
        )
    keras_result, lite_result = (
        cv2.imread(os.fspath(place / name)).astype(int) for name in ("k.png", "t.png")
    )
    assert np.abs(keras_result - lite_result).max() <= 1
    assert keras_result.shape == photo.shape
