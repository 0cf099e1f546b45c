"""The command that draws the figures, on scenes and a run of the smallest network."""

import re
import sys
import zlib

import numpy as np
import pytest
import scipy.ndimage
import skimage.data

from egnet_tf import models, visualization
from egnet_tf.images.read import read_image
from egnet_tf.images.write import write_image
from egnet_tf.visualization import visible_gradient_map
from egnet_tf.visualization.gradient import (
    edge_responses,
    noise_responses,
    visible_laplacian,
)
from helpers import call

FIGURES = "egnet_tf.paper.figures"


def test_figure_7_keeps_the_edge_and_loses_the_noise(tmp_path):
    # A bright disc with a soft edge in noise far weaker than the edge.
    rows, columns = np.mgrid[:96, :120]
    radius = np.hypot(rows - 48, columns - 60)
    noise = np.random.default_rng(0).normal(0, 1, (96, 120))
    grey = 60 + 150 / (1 + np.exp(radius - 30)) + noise
    photo = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=-1)
    edge, flat = np.abs(radius - 30) < 3, np.abs(radius - 30) > 12
    maps = (visible_laplacian(photo), visible_gradient_map(photo))
    contrast = [drawn[edge].mean() / drawn[flat].mean() for drawn in maps]
    assert contrast[1] > 2 * contrast[0] > 2

    write_image(tmp_path / "photo.png", photo)
    output = tmp_path / "figures" / "figure7.png"
    done = call(FIGURES, f"--input={tmp_path / 'photo.png'}", f"--output={output}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{output}\n"
    assert read_image(output).shape[1] == 2100


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


def test_comparison_takes_folders_and_models(scenes):
    flags = ["--kind=comparison", f"--input={scenes / 'blurry'}"]
    flags += [f"--sharp={scenes / 'sharp'}", "--width=800", "--gradients"]
    flags += [f"--method=other={scenes / 'method'}", f"--method={scenes / 'run'}"]
    output = scenes / "both.png"
    done = call(FIGURES, *flags, f"--output={output}", "--zoom=8,16,40,30")
    assert done.returncode == 0, done.stderr
    both = read_image(output)
    assert both.shape[1] == 800
    # The left image is the blurry one.
    left = both[10:60, 10:100].astype(int)
    assert abs(left.mean() - read_image(scenes / "blurry" / "a.png").mean()) < 40


def test_comparison_as_pdf_keeps_texts_and_frames_as_vectors(scenes):
    output = scenes / "figure8.pdf"
    done = call(
        FIGURES,
        "--kind=comparison",
        f"--input={scenes / 'blurry' / 'a.png'}",
        f"--sharp={scenes / 'sharp' / 'a.png'}",
        f"--method=other={scenes / 'method'}",
        f"--output={output}",
    )
    assert done.returncode == 0, done.stderr
    pdf = output.read_bytes()
    assert pdf.startswith(b"%PDF-")
    # Publishers take TrueType fonts (type 42), not those of Type 3.
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    drawn = b"".join(unpacked(stream) for stream in streams)
    # Letters stand in parentheses, with kerning between them.
    shown = b"".join(re.findall(rb"\((.*?)\)", drawn)).replace(b"\0", b"")
    assert all(title in shown for title in (b"blurry", b"other", b"sharp"))
    width = pdf[pdf.index(b"/MediaBox") :].split(b"]")[0].split()[4]
    assert float(width) == pytest.approx(7 * 72)


def unpacked(stream):
    """A stream of a PDF file, "" if it is not deflated."""
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_comparison_takes_folder_names_with_commas_and_equals_signs(scenes):
    odd = scenes / "mine, x=3"
    (scenes / "method").rename(odd)
    common = ("--kind=comparison", f"--input={scenes / 'blurry' / 'a.png'}")
    for method in (f"--method=other={odd}", f"--method={odd}"):
        output = f"--output={scenes / 'out.svg'}"
        done = call(FIGURES, *common, method, output, "--width=600")
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_features_and_ensemble_weights_of_a_run_are_drawn(scenes):
    common = (f"--model={scenes / 'run'}", f"--input={scenes / 'blurry' / 'a.png'}")
    for kind in ("features", "ensemble"):
        output = scenes / f"{kind}.png"
        done = call(FIGURES, f"--kind={kind}", *common, f"--output={output}")
        assert done.returncode == 0, done.stderr
        # Viridis: there are yellow and violet places, in no photograph of coffee.
        red, green, blue = np.moveaxis(read_image(output).astype(int), -1, 0)
        assert ((red > 180) & (green > 180) & (blue < 90)).any()
        assert ((red < 90) & (green < 60) & (blue > 70)).any()


def test_wrong_calls_are_refused_in_one_line(scenes):
    photo = f"--input={scenes / 'blurry' / 'a.png'}"
    output = f"--output={scenes / 'out.png'}"
    method = f"--method=other={scenes / 'method'}"
    for words, expected in {
        ("--kind=comparison", photo, output): "Expected --method",
        ("--kind=comparison", photo, output, method, "--zoom=150,0,40,30"): (
            "Expected a window inside 160 x 96 pixels"
        ),
        ("--kind=comparison", photo, output, method, "--zoom=a"): "Expected --zoom=x,y",
        ("--kind=comparison", photo, output, "--method=x=none"): "Expected a file or",
        ("--kind=ensemble", photo, output): "Expected --model with --kind=ensemble",
        (photo, f"--output={scenes / 'out.doc'}"): "Expected a file named",
        ("--input=no.jpg", output): "Expected a readable image. Received: no.jpg",
    }.items():
        done = call(FIGURES, *words)
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: {expected}")
        assert done.stderr.count("\n") == 1
    assert not (scenes / "out.png").exists()


def test_missing_matplotlib_names_the_extra(scenes, monkeypatch):
    monkeypatch.delitem(sys.modules, "egnet_tf.visualization.figures")
    monkeypatch.delattr(visualization, "figures")
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    photo = scenes / "blurry" / "a.png"
    done = call(FIGURES, f"--input={photo}", f"--output={scenes / 'x.png'}")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "Expected the extra paper: pip install " in done.stderr


def test_normalisers_keep_and_square_weak_edges_as_arithmetic_says():
    contrasts = [0.5, 0.1, 0.02]
    found = edge_responses(contrasts)
    ratios = np.array(contrasts) / 0.5
    np.testing.assert_allclose(found["Laplacian"], ratios, rtol=1e-3)
    # One number for the whole image: a product of two is a square.
    np.testing.assert_allclose(found["max"], ratios**2, rtol=1e-3)
    np.testing.assert_allclose(found["deviation"], ratios**2, rtol=1e-3)
    # By SciPy: the soft edge, its Laplacian alone and after the mean filter.
    step = scipy.ndimage.gaussian_filter1d((np.arange(64) >= 32) * 1.0, 1.2)
    step = np.repeat(step[None], 9, axis=0)
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    factors = [
        scipy.ndimage.convolve(image, kernel, mode="nearest")[4]
        for image in (scipy.ndimage.uniform_filter(step, 3, mode="nearest"), step)
    ]

    def fixed(contrast):
        one, other = (np.abs(contrast * factor) for factor in factors)
        return (one / (one + 0.05) * other / (other + 0.05)).max()

    expected = [fixed(contrast) / fixed(0.5) for contrast in contrasts]
    np.testing.assert_allclose(found["fixed"], expected, rtol=1e-3)


def test_every_normaliser_suppresses_noise_more_than_the_laplacian():
    found = noise_responses([1 / 255, 3 / 255])
    laplacian = np.array(found.pop("Laplacian"))
    assert set(found) == {"max", "minmax", "deviation", "fixed"}
    for values in found.values():
        assert (np.array(values) < 0.6 * laplacian).all()
        assert values[0] < values[1]
    # The Laplacian's response by hand: 20 = 1 + 1 + 1 + 1 + 16 times the variance.
    edge = np.abs(
        np.diff(scipy.ndimage.gaussian_filter1d([0.0] * 9 + [0.5] * 9, 1.2), 2)
    )
    assert laplacian[0] == pytest.approx(np.sqrt(20) / 255 / edge.max(), rel=0.1)


def test_normalisers_are_drawn(tmp_path):
    write_image(tmp_path / "photo.png", skimage.data.coffee()[:96, :160])
    output = tmp_path / "figure.png"
    flags = [f"--input={tmp_path / 'photo.png'}", f"--output={output}"]
    done = call(FIGURES, "--kind=normalisers", "--width=900", *flags)
    assert done.returncode == 0, done.stderr
    assert read_image(output).shape[1] == 900
