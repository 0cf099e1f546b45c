"""The ONNX files, run by onnxruntime, against the network."""

import numpy as np
import pytest

from egnet_tf import models
from egnet_tf.inference import Restorer, load
from egnet_tf.inference.branches import PAPER_BRANCHES, branch_images
from export.checks.source import Source
from helpers import random_image

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
pytest.importorskip("tf2onnx", reason="needs the extra onnx")

from export.onnx_writer import write_onnx  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.process]


@pytest.fixture(scope="module")
def any_size(testing_model, pairs, tmp_path_factory):
    """With the self-ensemble."""
    source = Source("testing", testing_model, PAPER_BRANCHES, pairs, "samples test")
    return write_onnx(source, tmp_path_factory.mktemp("onnx")).path


@pytest.fixture(scope="module")
def one_size(source, tmp_path_factory):
    return write_onnx(source, tmp_path_factory.mktemp("onnx"), tile=64).path


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


def test_onnx_file_passes_the_checker_and_records_its_memory(any_size):
    onnx.checker.check_model(str(any_size), full_check=True)
    assert load(any_size).runner.bytes_per_pixel > 100
