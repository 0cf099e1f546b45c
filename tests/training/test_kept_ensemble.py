"""A self-ensemble that training made worse stays what it started as: the mean."""

import re

import numpy as np
import pytest
import skimage.data
from scipy import ndimage

import egnet_tf
from egnet_tf import models
from egnet_tf.evaluation.results_folder import read_summary
from egnet_tf.images.read import read_image
from egnet_tf.images.write import write_image
from helpers import ROOT, call

pytestmark = pytest.mark.slow

TRAIN = (
    *("egnet_tf.train", "--run=run", "--dataset=results:data", "--crop=32"),
    *("--batch=2", "--ensemble_steps=40", "--learning_rate=5e-3"),
)


def place(folder, noise_of_test):
    """Method A is nearly right on the training images, B always as wrong."""
    photo = skimage.data.astronaut()
    for split, top, noise in (("train", 0, 1), ("test", 200, noise_of_test)):
        for number in range(2):
            sharp = photo[top : top + 64, 100 * number :][:, :96]
            rng = np.random.default_rng(number)
            noisy = sharp + rng.normal(0, noise, sharp.shape)
            write_image(folder / f"data/{split}/sharp/{number}.png", sharp)
            blurry = ndimage.uniform_filter(sharp, (5, 5, 1))
            write_image(folder / f"data/{split}/B/{number}.png", blurry)
            noisy = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
            write_image(folder / f"data/{split}/A/{number}.png", noisy)


def test_training_that_lost_is_said_and_not_used(tmp_path, monkeypatch):
    place(tmp_path, noise_of_test=50)
    monkeypatch.chdir(tmp_path)
    done = call(*TRAIN)
    assert done.returncode == 0, done.stderr
    assert "The self-ensemble averages its branches, as it starts" in done.stdout
    lines = (tmp_path / "run/metrics.csv").read_text().splitlines()
    start, end = (float(line.split(",")[2]) for line in lines[1:])
    assert start > end + 0.1
    assert f"({start:.2f} dB): its training lost ({end:.2f} dB)" in done.stdout
    (row,) = (x for x in done.stdout.splitlines() if x.startswith("+ self-ensemble"))
    assert row.split()[2] == f"{start:.4g}"

    images = [read_image(tmp_path / f"data/test/{x}/1.png") for x in "AB"]
    mean = np.mean([image.astype(float) for image in images], axis=0)
    restored = egnet_tf.load(tmp_path / "run")(np.concatenate(images, axis=-1))
    np.testing.assert_allclose(restored, mean, atol=0.51)
    scored = call(
        *("egnet_tf.evaluate", "--model=run", "--dataset=results:data", "--output=s")
    )
    assert scored.returncode == 0, scored.stderr
    psnr = read_summary(tmp_path / "s")["restored"]["psnr"]
    assert psnr == pytest.approx(start, abs=1e-9)

    # The finished command again: nothing is trained, and nothing is undone.
    again = call(*TRAIN)
    assert again.stdout.splitlines()[1:] == done.stdout.splitlines()[1:]
    np.testing.assert_array_equal(
        egnet_tf.load(tmp_path / "run")(np.concatenate(images, axis=-1)), restored
    )


def test_training_that_won_is_used(tmp_path, monkeypatch):
    place(tmp_path, noise_of_test=1)
    monkeypatch.chdir(tmp_path)
    done = call(*TRAIN)
    assert done.returncode == 0, done.stderr
    assert "averages its branches" not in done.stdout
    logits = models.load(tmp_path / "run/weights").ensemble.get_layer("logits")
    assert np.abs(logits.get_weights()[0]).max() > 0


def test_another_model_stands_beside_the_run(tmp_path, monkeypatch):
    photo = skimage.data.astronaut()
    for number in range(3):
        write_image(
            tmp_path / f"photos/{number}.png", photo[:96, 100 * number :][:, :96]
        )
    monkeypatch.chdir(tmp_path)
    model = ROOT / "egnet_tf/weights/egnet_mobile/egnet_mobile_float16.tflite"
    flags = (
        *("--run=run", "--variant=egnet_testing", "--crop=32", "--backbone_steps=1"),
        *("--dataset=camera_shake", "--data_dir=photos"),
    )
    done = call("egnet_tf.train", *flags, f"--compare_with={model}")
    assert done.returncode == 0, done.stderr
    scored = call(
        *("egnet_tf.evaluate", f"--model={model}", "--dataset=camera_shake"),
        *("--data_dir=photos", "--output=scores"),
    )
    assert scored.returncode == 0, scored.stderr
    psnr = read_summary(tmp_path / "scores")["restored"]["psnr"]
    (row,) = (x for x in done.stdout.splitlines() if x.startswith(model.name))
    assert row.split()[1] == f"{psnr:.4g}"
    assert re.search(
        rf"blurry, \d+ minutes? of training, {model.name}, sharp", done.stdout
    )
    assert read_image(tmp_path / "run/compare.png").shape[1] == 4 * 400 + 3 * 8
    wrong = call("egnet_tf.train", *flags, "--compare_with=none")
    assert wrong.returncode == 1 and "Received: none" in wrong.stderr
