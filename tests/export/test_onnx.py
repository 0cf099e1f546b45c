"""The ONNX files, run by onnxruntime, against the network."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from egnet_tf import models
from egnet_tf.inference import Restorer, load
from egnet_tf.inference.branches import PAPER_BRANCHES, branch_images
from export.checks.source import Source
from helpers import ROOT, random_image

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
pytest.importorskip("tf2onnx", reason="needs the extra onnx")

from export.onnx_writer import HALF_TOLERANCE, Form, write_onnx  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.process]


@pytest.fixture(scope="module")
def any_size(testing_model, pairs, tmp_path_factory):
    """With the self-ensemble."""
    source = Source("testing", testing_model, PAPER_BRANCHES, pairs, "samples test")
    return write_onnx(source, tmp_path_factory.mktemp("onnx"), Form()).path


@pytest.fixture(scope="module")
def one_size(source, tmp_path_factory):
    return write_onnx(source, tmp_path_factory.mktemp("onnx"), Form(64)).path


@pytest.fixture(scope="module")
def channels_first(source, tmp_path_factory):
    form = Form(64, layout="nchw")
    return write_onnx(source, tmp_path_factory.mktemp("onnx"), form).path


@pytest.fixture(scope="module")
def half(source, tmp_path_factory):
    form = Form(64, layout="nchw", half=True)
    return write_onnx(source, tmp_path_factory.mktemp("onnx"), form).path


def test_onnx_file_of_any_size_equals_the_network(any_size, testing_model):
    runner = load(any_size).runner
    rng = np.random.default_rng(0)
    # At 144 x 160, attention has more positions (1440) than fit one block of queries.
    for batch, height, width in ((2, 64, 48), (1, 144, 160)):
        image = rng.random((batch, height, width, 3), np.float32)
        images = branch_images(
            lambda x: models.finest(testing_model.network(x)), image, size_multiple=8
        )
        expected = np.clip(testing_model.ensemble(images), 0, 1)
        np.testing.assert_allclose(runner(image), expected, atol=1e-4)


def test_onnx_file_of_any_size_pads_as_the_restorer_does(any_size, testing_model):
    class Network:
        size_multiple, tile, bytes_per_pixel = 8, None, 1.0

        def __call__(self, batch):
            return np.asarray(models.finest(testing_model.network(batch)))

    image = random_image((21, 9, 3), seed=1, dtype=np.float32)
    restorer = Restorer(
        Network(), ensemble=testing_model.ensemble, branches=PAPER_BRANCHES
    )
    np.testing.assert_allclose(load(any_size)(image), restorer(image), atol=1e-4)


def test_onnx_dimensions_have_names(any_size):
    graph = onnx.load(str(any_size)).graph
    for tensor, name in ((graph.input[0], "image"), (graph.output[0], "restored")):
        sides = tensor.type.tensor_type.shape.dim
        assert tensor.name == name
        assert [side.dim_param for side in sides[:3]] == ["batch", "height", "width"]
        assert sides[3].dim_value == 3


def test_onnx_file_of_one_size_is_static_and_equals_the_network(
    one_size, device_model, blurry
):
    sides = onnx.load(str(one_size)).graph.input[0].type.tensor_type.shape.dim
    assert [side.dim_value for side in sides] == [1, 64, 64, 3]
    restorer = load(one_size)
    assert restorer.runner.tile == 64
    for image in blurry:
        expected = np.clip(models.finest(device_model.network(image)), 0, 1)
        np.testing.assert_allclose(restorer.runner(image), expected, atol=1e-4)


def test_channels_first_give_the_numbers_of_channels_last(
    channels_first, one_size, blurry
):
    """Against onnxruntime itself, and by our runner, which turns the axes."""
    graph = onnx.load(str(channels_first)).graph
    for tensor in (graph.input[0], graph.output[0]):
        sides = tensor.type.tensor_type.shape.dim
        assert [side.dim_value for side in sides] == [1, 3, 64, 64]
    session = onnxruntime.InferenceSession(str(channels_first))
    last, first = load(one_size).runner, load(channels_first).runner
    for image in blurry:
        expected = last(image)
        (restored,) = session.run(None, {"image": image.transpose(0, 3, 1, 2)})
        np.testing.assert_allclose(restored, expected.transpose(0, 3, 1, 2), atol=1e-5)
        np.testing.assert_allclose(first(image), expected, atol=1e-5)
    about = json.loads(
        channels_first.with_name(f"{channels_first.name}.json").read_text()
    )
    assert channels_first.name == "testing_64_nchw.onnx"
    assert about["inputs"]["image"]["shape"] == [1, 3, 64, 64]
    assert about["inputs"]["image"]["layout"] == "NCHW"


def test_half_file_computes_in_float16_between_float32_ends(
    half, channels_first, blurry
):
    graph = onnx.load(str(half)).graph
    ends = [t.type.tensor_type.elem_type for t in (graph.input[0], graph.output[0])]
    assert ends == [onnx.TensorProto.FLOAT] * 2
    # All but the bounds of clipping, single numbers.
    weights = {
        tensor.data_type for tensor in graph.initializer if np.prod(tensor.dims) > 4
    }
    weights -= {onnx.TensorProto.INT64}
    assert weights == {onnx.TensorProto.FLOAT16}
    assert half.stat().st_size < channels_first.stat().st_size
    exact, rounded = load(channels_first).runner, load(half).runner
    differences = [np.abs(rounded(x) - exact(x)).max() for x in blurry]
    assert 1e-6 < max(differences) < HALF_TOLERANCE.difference


def test_a_second_reader_gives_the_same_numbers(channels_first, one_size, blurry):
    """OpenVINO shares no code with onnxruntime."""
    openvino = pytest.importorskip("openvino", reason="needs the extra openvino")
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    network = openvino.compile_model(channels_first, "CPU", exact)
    restored = network(np.ascontiguousarray(blurry[0].transpose(0, 3, 1, 2)))[0]
    expected = load(one_size).runner(blurry[0])
    np.testing.assert_allclose(restored.transpose(0, 2, 3, 1), expected, atol=1e-4)


def test_snippet_of_the_docs_tiles_as_the_restorer_does(
    channels_first, tmp_path, monkeypatch
):
    """With NumPy, Pillow and onnxruntime alone; also images smaller than a tile."""
    page = (ROOT / "docs" / "export.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?onnxruntime.*?)```", page, re.DOTALL)
    code = re.sub(r'"dist/\S+\.onnx"', repr(str(channels_first)), code)
    monkeypatch.chdir(tmp_path)
    restorer = load(channels_first)
    for shape in ((150, 201, 3), (20, 90, 3), (64, 64, 3)):
        photo = random_image(shape, seed=3)
        Image.fromarray(photo).save("photo.png")
        exec(code.replace("photo.jpg", "photo.png"), {})
        restored = np.asarray(Image.open("photo_sharp.png"))
        assert np.abs(restored - restorer(photo).astype(int)).max() <= 1
        assert np.abs(restored - photo.astype(int)).max() > 1


def test_onnx_file_passes_the_checker_and_records_its_memory(any_size):
    onnx.checker.check_model(str(any_size), full_check=True)
    assert load(any_size).runner.bytes_per_pixel > 100
