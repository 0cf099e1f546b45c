"""The self-ensemble of results of several methods, from training to scores."""

import json

import numpy as np
import pytest
import skimage.data
from scipy import ndimage

import egnet_tf
from egnet_tf import models
from egnet_tf.errors import InputError
from egnet_tf.images.read import read_image
from egnet_tf.images.write import write_image
from helpers import call, random_image

pytestmark = pytest.mark.slow

FLAGS = ("--crop=32", "--batch=2", "--ensemble_steps=40", "--learning_rate=5e-3")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two methods: one spoils the left half of its images, the other the right."""
    folder = tmp_path_factory.mktemp("results")
    photo = skimage.data.astronaut()
    for split, top in (("train", 0), ("test", 200)):
        for number in range(3):
            sharp = photo[top : top + 96, 100 * number :][:, :128]
            blurry = ndimage.uniform_filter(sharp, (9, 9, 1))
            noise = np.random.default_rng(number).normal(0, 30, sharp.shape)
            noisy = np.clip(sharp + noise, 0, 255).astype(np.uint8)
            for title, image in (("sharp", sharp), ("B", blurry), ("A", noisy)):
                write_image(folder / f"data/{split}/{title}/{number}.png", image)
    return folder


@pytest.fixture(scope="module")
def run(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        done = call(
            *("egnet_tf.train", "--run=runs/fused", "--dataset=results:data"), *FLAGS
        )
    assert done.returncode == 0, done.stderr
    assert "best of the methods" in done.stdout
    return place / "runs" / "fused"


def scores(run):
    rows = (run / "metrics.csv").read_text().splitlines()
    head = rows[0].split(",")
    return [dict(zip(head, row.split(","), strict=True)) for row in rows[1:]]


def test_training_begins_at_the_mean_and_gains_on_it(place, run):
    first, last = scores(run)
    assert (first["phase"], first["step"], last["step"]) == ("ensemble", "0", "40")
    assert float(last["psnr"]) > float(first["psnr"])
    loaded = models.load(run / "weights")
    assert loaded.branches == ("result:A", "result:B")
    assert loaded.network.count_params() == 0
    assert (run / "compare.png").is_file()


def test_restorer_weighs_the_given_images(place, run):
    restorer = egnet_tf.load(run)
    images = [read_image(place / f"data/test/{x}/1.png") for x in "AB"]
    restored = restorer(np.concatenate(images, axis=-1))
    loaded = models.load(run / "weights")
    floats = [image[None].astype(np.float32) / 255 for image in images]
    expected = np.asarray(loaded.ensemble(floats))[0]
    np.testing.assert_allclose(restored, expected * 255, atol=0.51)
    with pytest.raises(InputError, match=r"there is no blurry image\. Received: 0.5"):
        restorer(np.concatenate(images, axis=-1), strength=0.5)
    mean = egnet_tf.load(run, fuse="mean")(np.concatenate(images, axis=-1))
    np.testing.assert_allclose(mean, np.mean(floats, axis=0)[0] * 255, atol=0.51)


def test_evaluation_is_that_of_training_and_saves_the_images(place, run, monkeypatch):
    monkeypatch.chdir(place)
    flags = ("--model=runs/fused", "--save_images")
    done = call(
        *("egnet_tf.evaluate", *flags, "--dataset=results"),
        *("--results_methods=data/test/B,A=data/test/A", "--output=scores"),
        "--results_sharp=data/test/sharp",
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((place / "scores" / "summary.json").read_text())
    assert found["blurry"] is None
    assert found["branches"] == ["result:A", "result:B"]
    assert found["method"] == "runs/fused (whole; trained fusion of result:A, result:B)"
    psnr = float(scores(run)[-1]["psnr"])
    assert found["restored"]["psnr"] == pytest.approx(psnr, abs=1e-6)
    saved = read_image(place / "scores/images/restored/1.png")
    images = [read_image(place / f"data/test/{x}/1.png") for x in "AB"]
    restored = egnet_tf.load(run)(np.concatenate(images, axis=-1))
    np.testing.assert_array_equal(saved, restored)


@pytest.mark.parametrize(
    ("command", "words", "message"),
    [
        ("evaluate", ["--dataset=samples"], "results that runs/fused fuses: A, B"),
        (
            "evaluate",
            ["--dataset=results:data", "--results_methods=A,C=B"],
            "Received: A, C",
        ),
        ("evaluate", ["--dataset=results:data", "--branches=whole"], "no --branches"),
        ("deblur", ["photo.png"], "results of A, B"),
        ("paper.table5", ["--dataset=results:data"], "blurry images"),
    ],
)
def test_wrong_uses_are_refused_in_one_line(
    place, run, monkeypatch, command, words, message
):
    monkeypatch.chdir(place)
    write_image(place / "photo.png", random_image((40, 40, 3)))
    done = call(f"egnet_tf.{command}", "--model=runs/fused", *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.strip().count("\n") == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--backbone_steps=1"], "Received: --backbone_steps"),
        (["--init_weights=egnet_mobile"], "Received: --init_weights"),
        (["--validation=samples"], "--validation with the results of A, B"),
        (["--dataset=results:data,samples"], "--dataset=results alone"),
    ],
)
def test_wrong_recipes_are_refused_in_one_line(place, monkeypatch, words, message):
    monkeypatch.chdir(place)
    flags = ("--run=runs/wrong", "--dataset=results:data", *FLAGS)
    done = call("egnet_tf.train", *flags, *words)
    assert (done.returncode, done.stderr.strip().count("\n")) == (1, 0), done.stderr
    assert message in done.stderr


def test_images_of_another_shape_are_refused(run):
    with pytest.raises(InputError, match=r"results of A, B .*\(H, W, 6\)"):
        egnet_tf.load(run)(random_image((40, 40, 3)))
