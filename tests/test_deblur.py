import os
import re
import signal
import subprocess
import time
from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage
from skimage import data
from tqdm import tqdm

import egnet_tf
from egnet_tf import models
from helpers import ROOT, call, start


@pytest.fixture(scope="module")
def tflite(tmp_path_factory):
    """Exported without a network: takes 32 x 32 tiles and darkens them."""
    folder = tmp_path_factory.mktemp("export")
    module = tf.Module()
    spec = tf.TensorSpec((1, 32, 32, 3), tf.float32, name="image")
    module.darken = tf.function(lambda image: {"restored": image * 0.8}, [spec])
    tf.saved_model.save(
        module, str(folder), signatures={"serving_default": module.darken}
    )
    path = folder / "darken.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert())
    return path


@pytest.fixture(scope="module")
def run_folder(testing_model, tmp_path_factory):
    """A run of the smallest network."""
    run = tmp_path_factory.mktemp("runs") / "testing"
    models.save(run / "weights", testing_model)
    return run


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(data.astronaut()[100:145, 150:217]).save(path)
    return path


def deblur(*words):
    return call("egnet_tf.deblur", *words)


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_photo_is_restored_by_a_tflite_file(tmp_path, photo, tflite, capfd):
    output = tmp_path / "new" / "out.png"
    done = deblur(f"--model={tflite}", f"--input={photo}", f"--output={output}")
    assert done.returncode == 0, done.stderr
    assert "delegate" not in capfd.readouterr().err  # As LiteRT itself writes it.
    assert str(output) in done.stdout
    np.testing.assert_array_equal(pixels(output), np.rint(pixels(photo) * 0.8))


@pytest.mark.slow
def test_photo_is_restored_by_a_training_run(photo, run_folder):
    done = deblur(
        f"--model={run_folder}", f"--input={photo}", "--branches=whole,rotate180"
    )
    assert done.returncode == 0, done.stderr
    restorer = egnet_tf.load(run_folder, branches=["whole", "rotate180"])
    expected = restorer(pixels(photo)).astype(int)
    output = photo.with_name("photo_restored.png")
    assert np.abs(pixels(output) - expected).max() <= 1
    assert np.abs(pixels(output).astype(int) - pixels(photo)).max() > 3
    # By default the run's ensemble fuses its three branches: something else again.
    assert np.abs(egnet_tf.load(run_folder)(pixels(photo)) - expected).max() > 1


@pytest.mark.slow
def test_photo_is_restored_by_the_shipped_weights(photo):
    done = deblur(str(photo))
    assert done.returncode == 0, done.stderr
    expected = egnet_tf.load("egnet_mobile")(pixels(photo)).astype(int)
    restored = pixels(photo.with_name("photo_restored.png"))
    assert np.abs(restored - expected).max() <= 1
    # More than that tolerance: the photo itself would not pass.
    assert np.abs(restored.astype(int) - pixels(photo)).max() > 1


def test_strength_blends_photos(photo, tflite):
    output = photo.with_name("photo_restored.png")
    for strength, factor in ((0, 1), (0.5, 0.9), (1, 0.8)):
        words = (f"--strength={strength}", "--overwrite")
        done = deblur(f"--model={tflite}", str(photo), *words)
        assert done.returncode == 0, done.stderr
        expected = factor * pixels(photo)
        np.testing.assert_allclose(pixels(output), expected, atol=0.76)
        if not strength:
            np.testing.assert_array_equal(pixels(output), pixels(photo))


def test_each_photo_has_a_line_on_its_blur(tmp_path, tflite):
    sharp = data.astronaut()[::2, ::2]
    photos = {"sharp": sharp, "moved": ndimage.uniform_filter1d(sharp, 31, axis=0)}
    for name, image in photos.items():
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    # The model only darkens: nothing gets sharper.
    lines = (
        r"sharp\.png: no blur, about 1\.\d px; restored: about 1\.\d px$",
        r"moved\.png: strong blur, about [23]\d px; restored: about [23]\d px$",
    )
    done = deblur(f"--model={tflite}", tmp_path / "moved.png", tmp_path / "sharp.png")
    assert done.returncode == 0, done.stderr
    for line in lines:
        assert re.search(line, done.stdout, re.M), done.stdout
    warning = r"^warning: .*moved\.png: strong blur, about [23]\d px: hardly improved$"
    assert re.search(warning, done.stderr, re.M), done.stderr
    assert "sharp.png" not in done.stderr

    flags = (f"--model={tflite}", "--only_blurry", f"--output={tmp_path / 'out'}/")
    done = deblur(*flags, tmp_path / "moved.png", tmp_path / "sharp.png")
    assert re.search(r"sharp\.png: no blur, .*; left as it is$", done.stdout, re.M)
    assert "1 restored, 1 sharp, 0 there already, 0 failed" in done.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["moved.png"]
    done = deblur(*flags, tmp_path / "sharp.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 restored, 1 sharp, 0 there already, 0 failed" in done.stdout


def test_photo_of_its_own_shows_its_tiles(photo, tflite, monkeypatch):
    bars = []

    class Bar(tqdm):
        def __init__(self, *args, **options):
            super().__init__(*args, **{**options, "disable": False})
            bars.append(self)

    monkeypatch.setattr("egnet_tf.deblur.tqdm", Bar)
    assert deblur(f"--model={tflite}", str(photo)).returncode == 0
    (bar,) = bars
    assert bar.unit == "tile"
    assert bar.n == bar.total > 1


def test_several_photos_in_one_command(tmp_path, photo, tflite):
    other = tmp_path / "my,photo.png"
    other.write_bytes(photo.read_bytes())
    done = deblur(f"--model={tflite}", photo, other, f"--output={tmp_path}/new/")
    assert done.returncode == 0, done.stderr
    assert "2 restored, 0 there already, 0 failed" in done.stdout
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["my,photo.png", "photo.png"]
    one = deblur(f"--model={tflite}", f"--input={other}", f"--output={tmp_path}/one/")
    assert one.returncode == 0, one.stderr
    assert (tmp_path / "one" / "my,photo.png").exists()


def test_folder_with_a_damaged_photo_restores_the_others(tmp_path, photo, tflite):
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    for name in ("a.png", "trip/b.png"):
        (folder / name).write_bytes(photo.read_bytes())
    (folder / "c.jpg").write_bytes(b"")
    flags = (f"--model={tflite}", f"--input={folder}", f"--output={tmp_path / 'out'}")
    done = deblur(*flags)
    assert done.returncode == 1
    assert "2 restored, 0 there already, 1 failed" in done.stdout
    assert done.stderr.startswith("error: ")
    assert str(folder / "c.jpg") in done.stderr
    assert "Traceback" not in done.stderr
    for name in ("a.png", "trip/b.png"):
        assert (tmp_path / "out" / name).exists()

    (tmp_path / "out" / "a.png").write_bytes(b"kept as it is")
    (folder / "c.jpg").unlink()
    (folder / "d.MOV").touch()
    refused = deblur(*flags)
    assert refused.returncode == 1
    assert "--overwrite or --skip_existing. Received: " in refused.stderr
    done = deblur(*flags, "--skip_existing")
    assert "warning: left out, no photos of their own: 1 .mov" in done.stderr
    assert done.returncode == 1  # Not all of the folder was restored.
    assert "0 restored, 2 there already, 0 failed" in done.stdout
    assert (tmp_path / "out" / "a.png").read_bytes() == b"kept as it is"


def test_video_is_restored(tmp_path, tflite):
    pytest.importorskip("av")
    from video_clips import pixels_of, write_clip

    source = tmp_path / "clip.mp4"
    images = [np.full((32, 48, 3), 200, np.uint8)] * 75
    write_clip(source, [Fraction(k, 25) for k in range(76)], images=images)
    done = deblur(f"--model={tflite}", source)
    assert (done.returncode, done.stdout) == (
        0,
        f"restored: {tmp_path / 'clip_restored.mp4'}\n",
    )
    restored = pixels_of(tmp_path / "clip_restored.mp4")
    np.testing.assert_allclose(restored[:, 0], [16 + 219 * 160 / 255] * 75, atol=3)

    output = tmp_path / "out.mkv"
    short = tmp_path / "short.mkv"
    assert not deblur(f"--model={tflite}", source, f"--output={short}").returncode
    short.write_bytes(short.read_bytes()[: short.stat().st_size // 2])
    done = deblur(f"--model={tflite}", short, f"--output={output}")
    assert done.returncode == 1
    said = r"^error: Expected a whole video\. Received: .*short\.mkv \(ends at .* of 3"
    assert re.search(said, done.stderr, re.M)
    assert 0 < len(pixels_of(output)) < 75


def test_shards_restore_one_video(tmp_path, tflite, monkeypatch):
    pytest.importorskip("av")
    from egnet_tf.inference import video_segments
    from video_clips import write_clip

    monkeypatch.setattr(video_segments, "FRAMES", 20)
    source, target = tmp_path / "clip.mp4", tmp_path / "clip_restored.mp4"
    write_clip(source, [Fraction(k, 25) for k in range(76)])
    words = (f"--model={tflite}", source)
    alone = tmp_path / "alone.mp4"
    assert not deblur(*words, f"--output={alone}", "--skip_existing").returncode
    done = deblur(*words, "--shard=2/2")
    assert (done.returncode, target.exists()) == (0, False), done.stderr
    assert done.stdout == (
        f"{source}: 2 of 4 segments are there; the process that restores the last one "
        "joins them\n"
    )
    done = deblur(*words, "--shard=1/2")
    assert (done.returncode, done.stdout) == (0, f"restored: {target}\n"), done.stderr
    assert target.read_bytes() == alone.read_bytes()
    assert not list(tmp_path.glob(".segments*"))


def test_an_interrupted_video_is_resumed(tmp_path, tflite, monkeypatch):
    pytest.importorskip("av")
    from egnet_tf.inference import video_segments
    from video_clips import pixels_of, write_clip

    source = tmp_path / "clip.mp4"
    write_clip(source, [Fraction(k, 25) for k in range(76)])
    write_segment, written = video_segments._Piece.finish, []

    def finish(piece):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(piece)
        write_segment(piece)

    monkeypatch.setattr(video_segments, "FRAMES", 20)
    monkeypatch.setattr(video_segments._Piece, "finish", finish)
    words = (f"--model={tflite}", source, "--skip_existing")
    assert deblur(*words).returncode == 130
    assert not (tmp_path / "clip_restored.mp4").exists()
    again = []
    monkeypatch.setattr(
        video_segments._Piece,
        "finish",
        lambda piece: (again.append(piece), write_segment(piece)),
    )
    done = deblur(*words)
    assert (done.returncode, len(again)) == (0, 2), done.stderr
    assert done.stdout == f"restored: {tmp_path / 'clip_restored.mp4'}\n"
    whole = tmp_path / "whole.mp4"
    deblur(f"--model={tflite}", source, f"--output={whole}")
    np.testing.assert_allclose(
        pixels_of(tmp_path / "clip_restored.mp4"), pixels_of(whole), atol=3
    )
    assert sorted(x.name for x in tmp_path.glob("*clip*")) == [
        "clip.mp4",
        "clip_restored.mp4",
    ]
    assert "1 there already" in deblur(*words).stdout


@pytest.mark.parametrize(
    "change",
    [
        {"input": "none.png"},
        {"input": "notes.txt"},
        {"output": "out.txt"},
        {"model": "none"},
        {"tile": "64"},
        {"strength": "1.5"},
        {"max_pixels": "100"},
    ],
    ids=lambda change: "=".join(map(str, *change.items())),
)
def test_wrong_calls_are_refused_in_one_line(tmp_path, photo, tflite, change):
    (tmp_path / "notes.txt").write_text("neither a photo nor a model")
    options = {"model": tflite, "input": photo, **change}
    for name in ("input", "output"):
        if name in options:
            options[name] = tmp_path / options[name]
    before = sorted(tmp_path.iterdir())
    done = deblur(*(f"--{name}={value}" for name, value in options.items() if value))
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Received: " in errors[0]
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_a_folder_in_one_line_with_whole_files(tmp_path, photo):
    folder, output = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    for number in range(2000):
        (folder / f"{number}.png").write_bytes(photo.read_bytes())
    words = (folder, f"--output={output}", f"--model={ROOT}/tests/hostile/tiny.tflite")
    process = start(
        "egnet_tf.deblur",
        *words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Also where the tests run in the background, which ignores it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 300
    while not output.is_dir() or len(list(output.iterdir())) < 5:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == "error: interrupted"
    assert "Traceback" not in stderr
    written = list(output.iterdir())
    assert 5 <= len(written) < 2000
    assert all(pixels(path).shape == (45, 67, 3) for path in written)
