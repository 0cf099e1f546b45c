import json

import numpy as np
import pytest
import tensorflow as tf

from egnet_tf import models
from egnet_tf.errors import InputError
from egnet_tf.inference import load
from egnet_tf.inference.branches import branch_images
from egnet_tf.inference.resolve import ModelSource, resolve
from egnet_tf.layers.pooling import local_pooling
from helpers import DarkeningRunner, random_image


@pytest.fixture(scope="module")
def run(testing_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "testing"
    models.save(folder / "weights", testing_model)
    return folder


@pytest.fixture
def image():
    return random_image((32, 48, 3), seed=1, dtype=np.float32)


@pytest.mark.slow
def test_run_restores_with_its_ensemble(run, testing_model, image):
    def network(batch):
        return testing_model.network(batch)["stage3"]

    branches = branch_images(network, tf.constant(image[None]), size_multiple=8)
    expected = np.clip(testing_model.ensemble(branches)[0], 0, 1)
    np.testing.assert_allclose(load(run)(image), expected, atol=1e-5)
    whole = np.clip(branches[1][0], 0, 1)
    np.testing.assert_allclose(load(run, branches=["whole"])(image), whole, atol=1e-5)
    # Other branches than the trained ones are averaged.
    mean = np.clip((branches[1] + branches[0])[0] / 2, 0, 1)
    two = load(run, branches=["half", "whole"])
    np.testing.assert_allclose(two(image), mean, atol=1e-5)
    mean = np.clip(np.mean(branches, axis=0)[0], 0, 1)
    np.testing.assert_allclose(load(run, fuse="mean")(image), mean, atol=1e-5)
    for names in (("whole", "half", "quarters"), ("quarters", "whole", "half")):
        fused = load(run, branches=names)(image)
        np.testing.assert_array_equal(fused, load(run)(image))
    assert np.abs(expected - whole).max() > 1e-3


@pytest.mark.slow
def test_local_pooling_windows_are_one_and_a_half_crops(run, testing_model, image):
    with local_pooling(24, image[None]):
        expected = testing_model.network(image[None])["stage3"]
    restored = load(run, branches=["whole"], local_pooling=True)(image)
    np.testing.assert_allclose(restored, np.clip(expected[0], 0, 1), atol=1e-5)


@pytest.mark.slow
def test_run_without_ensemble_restores_the_plain_image(testing_model, tmp_path):
    models.save(tmp_path / "weights", testing_model._replace(ensemble=None))
    assert load(tmp_path).runner.size_multiple == testing_model.size_multiple
    assert load(tmp_path, branches=["half"]).runner.size_multiple == 16


def test_restorer_options_reach_the_restorer(run):
    restorer = load(run, branches=["whole"], tile=64, overlap=8)
    plan = restorer.plan(100, 100)
    assert (plan.tile, plan.overlap, plan.tiles) == ((64, 64), 8, 4)


@pytest.fixture
def files(tmp_path):
    """What is recognised without being loaded."""
    for name, content in (
        ("run/weights/model.json", b"{}"),
        ("run/weights/network.weights.h5", b""),
        ("model.tflite", b"\x1c\0\0\0TFL3"),
        ("model.onnx", b""),
        ("intel/openvino_model.xml", b""),
        ("intel/openvino_model.bin", b""),
        ("other.xml", b""),
        ("other.bin", b""),
        ("saved/saved_model.pb", b""),
        ("versions/9/saved_model.pb", b""),
        ("versions/10/saved_model.pb", b""),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    ("model", "kind", "path"),
    [
        ("run", "run", "run/weights"),
        ("model.tflite", "tflite", "model.tflite"),
        ("model.onnx", "onnx", "model.onnx"),
        ("intel", "openvino", "intel/openvino_model.xml"),
        ("other.xml", "openvino", "other.xml"),
        ("saved", "saved_model", "saved"),
        ("versions", "saved_model", "versions/10"),
        ("versions/9", "saved_model", "versions/9"),
    ],
)
def test_every_kind_of_model_is_recognised(files, model, kind, path):
    source = resolve(files / model)
    assert source == ModelSource(kind, files / path)
    assert source.files()
    assert all(file.is_file() for file in source.files())
    if kind == "run":
        assert source.weights() == files / path
    else:
        with pytest.raises(InputError, match="Received: an exported model"):
            source.weights()


def test_shipped_variant_is_found_by_its_name():
    source = resolve("egnet_mobile")
    assert source.kind == "shipped"
    assert source.path.name == "egnet_mobile"
    assert source.weights() / "model.json" in source.files()


def test_file_or_folder_takes_precedence_over_a_shipped_variant(files, monkeypatch):
    monkeypatch.chdir(files)
    (files / "run").rename("egnet_mobile")
    assert resolve("egnet_mobile").kind == "run"


def test_unresolvable_models_are_refused_in_one_line(files, monkeypatch):
    monkeypatch.chdir(files)
    (files / "text.tflite").write_text("no model")
    (files / "run" / "weights" / "model.json").write_text("{")
    (files / "other.bin").unlink()
    (files / "half" / "weights").mkdir(parents=True)
    (files / "half" / "weights" / "model.json").write_text("{}")
    names = ("", ".", "none", "none.tflite", "none/such", "egnet", "half", "run")
    for name in (*names, "text.tflite", "other.xml"):
        with pytest.raises(InputError, match="Received: ") as raised:
            resolve(name)
        assert "\n" not in str(raised.value)


def test_damaged_run_is_refused(tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "model.json").write_text("{")
    with pytest.raises(InputError, match=r"Received: .*weights"):
        load(tmp_path)


@pytest.mark.parametrize(
    "name", ["model.onnx", "saved/saved_model.pb", "ir/openvino_model.xml"]
)
def test_export_of_any_size_restores_in_the_tiles_of_its_variant(
    name, tmp_path, monkeypatch
):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"")
    file.with_suffix(".bin").write_bytes(b"")
    model = file if file.suffix == ".onnx" else file.parent
    opened = "egnet_tf.inference.resolve._open"
    monkeypatch.setattr(opened, lambda *_: [DarkeningRunner()])

    def tile():
        return load(model).plan(300, 500).tile

    note = file.with_name(f"{file.name}.json")
    for variant, expected in (("egnet_mobile", (256, 256)), ("egnet", (304, 504))):
        about = {"source": {"variant": models.variant(variant).to_json()}}
        note.write_text(json.dumps(about))
        assert tile() == expected
    assert load(model, tile=0).plan(300, 500).tile == (304, 504)
    for text in ("", "[]", '{"source": 1}', '{"source": {"variant": {"tile": 256}}}'):
        note.write_text(text)
        assert tile() == (304, 504)
    note.unlink()
    assert tile() == (304, 504)
