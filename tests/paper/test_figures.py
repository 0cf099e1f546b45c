"""The command as a person runs it."""

import subprocess
import sys

import numpy as np
import pytest
import skimage.data

from egnet_tf import models
from egnet_tf.images.read import read_image
from egnet_tf.images.write import write_image


def run(*arguments):
    command = [sys.executable, "-m", "egnet_tf.paper.figures", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_figure_7_is_three_labelled_images(tmp_path):
    # A bright disc with a soft edge in noise far weaker than the edge.
    rows, columns = np.mgrid[:96, :120]
    radius = np.hypot(rows - 48, columns - 60)
    noise = np.random.default_rng(0).normal(0, 1, (96, 120))
    grey = 60 + 150 / (1 + np.exp(radius - 30)) + noise
    photo = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=-1)
    write_image(tmp_path / "photo.png", photo)
    output = tmp_path / "figures" / "figure7.png"
    done = run(f"--input={tmp_path / 'photo.png'}", f"--output={output}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{output}\n"

    figure = read_image(output)
    caption, images = figure[:-96], figure[-96:]
    assert caption.min() < 100  # Something is written there.
    width = (figure.shape[1] - 120) // 2  # Of an image with the gap behind it.
    image, laplacian, gradient = (
        images[:, start : start + 120] for start in (0, width, 2 * width)
    )
    np.testing.assert_array_equal(image, photo)
    edge, flat = np.abs(radius - 30) < 3, np.abs(radius - 30) > 12
    # What Eq. 15 is for: the noise goes, the edge stays.
    maps = (laplacian, gradient)
    contrast = [drawn[edge].mean() / drawn[flat].mean() for drawn in maps]
    assert contrast[1] > 2 * contrast[0] > 2


@pytest.fixture
def scenes(tmp_path, testing_model):
    """Blurry, sharp and a method's images of two scenes, and a run."""
    photo = skimage.data.coffee()[:96, :160]
    for name, image in (("a", photo), ("b", photo[::-1])):
        write_image(tmp_path / "blurry" / f"{name}.png", image // 2)
        write_image(tmp_path / "method" / f"{name}.jpg", image // 2 + 20)
        write_image(tmp_path / "sharp" / f"{name}.png", image)
    models.save(tmp_path / "run" / "weights", testing_model)
    return tmp_path


def test_a_comparison_of_folders_and_models(scenes):
    flags = ["--kind=comparison", f"--input={scenes / 'blurry'}"]
    flags += [f"--sharp={scenes / 'sharp'}", "--width=800", "--gradients"]
    methods = f"--methods=other={scenes / 'method'},{scenes / 'run'}"
    flags += [methods, f"--output={scenes / 'both.png'}"]
    done = run(*flags, "--zoom=8,16,40,30")
    assert done.returncode == 0, done.stderr
    both = read_image(scenes / "both.png")
    # One scene below the other; the second is the first one upside down.
    gap = np.flatnonzero((both == 255).all((1, 2)))
    assert (np.diff(gap) == 1).sum() > 24
    # The crops are framed; the wide rest of the left image is the blurry one.
    left = both[2:60, 2:100].astype(int)
    assert abs(left.mean() - read_image(scenes / "blurry" / "a.png").mean()) < 40


def test_features_and_ensemble_weights_of_a_run(scenes):
    common = (f"--model={scenes / 'run'}", f"--input={scenes / 'blurry' / 'a.png'}")
    for kind in ("features", "ensemble"):
        output = scenes / f"{kind}.png"
        done = run(f"--kind={kind}", *common, f"--output={output}", "--width=700")
        assert done.returncode == 0, done.stderr
        drawn = read_image(output)
        assert 650 <= drawn.shape[1] <= 700
        # Viridis: there are yellow and violet places, in no photograph of coffee.
        red, green, blue = (drawn[..., i].astype(int) for i in range(3))
        assert ((red > 180) & (green > 180) & (blue < 90)).any()
        assert ((red < 90) & (green < 60) & (blue > 70)).any()


def test_mistakes_in_a_comparison_are_one_line(scenes):
    common = ("--kind=comparison", f"--input={scenes / 'blurry' / 'a.png'}")
    common += (f"--output={scenes / 'out.png'}",)
    method = f"--methods=other={scenes / 'method'}"
    for flags, expected in {
        (): "Expected --methods",
        (method, "--zoom=150,0,40,30"): "Expected --zoom inside 160 x 96 pixels",
    }.items():
        done = run(*common, *flags)
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: {expected}")
        assert done.stderr.count("\n") == 1
    assert not (scenes / "out.png").exists()


def test_a_mistake_is_one_line(tmp_path):
    done = run(f"--input={tmp_path / 'none.jpg'}", f"--output={tmp_path / 'out.png'}")
    assert done.returncode == 1
    assert done.stderr == (
        f"error: Expected a readable image. Received: {tmp_path / 'none.jpg'} "
        "(No such file or directory)\n"
    )
