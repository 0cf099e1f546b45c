"""The command as a person runs it: Figure 7."""

import subprocess
import sys

import numpy as np

from egnet_tf.data.pictures import read_rgb, write_picture


def run(*arguments):
    command = [sys.executable, "-m", "egnet_tf.figure", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_figure_7_is_three_labelled_pictures(tmp_path):
    # A bright disc with a soft edge in noise far weaker than the edge.
    rows, columns = np.mgrid[:96, :120]
    radius = np.hypot(rows - 48, columns - 60)
    noise = np.random.default_rng(0).normal(0, 1, (96, 120))
    grey = 60 + 150 / (1 + np.exp(radius - 30)) + noise
    photo = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=-1)
    write_picture(tmp_path / "photo.png", photo)
    output = tmp_path / "figures" / "figure7.png"
    done = run(f"--input={tmp_path / 'photo.png'}", f"--output={output}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{output}\n"

    figure = read_rgb(output)
    caption, pictures = figure[:-96], figure[-96:]
    assert caption.min() < 100  # Something is written there.
    width = (figure.shape[1] - 120) // 2  # Of a picture with the gap behind it.
    image, laplacian, gradient = (
        pictures[:, start : start + 120] for start in (0, width, 2 * width)
    )
    np.testing.assert_array_equal(image, photo)
    edge, flat = np.abs(radius - 30) < 3, np.abs(radius - 30) > 12
    # What Eq. 15 is for: the noise goes, the edge stays.
    maps = (laplacian, gradient)
    contrast = [drawn[edge].mean() / drawn[flat].mean() for drawn in maps]
    assert contrast[1] > 2 * contrast[0] > 2


def test_a_mistake_is_one_line(tmp_path):
    done = run(f"--input={tmp_path / 'none.jpg'}", f"--output={tmp_path / 'out.png'}")
    assert done.returncode == 1
    assert done.stderr == (
        f"error: Expected a picture. Received: no such file, {tmp_path / 'none.jpg'}\n"
    )
