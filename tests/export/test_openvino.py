"""The OpenVINO models, run by openvino, against the network."""

import json
import math
import os
from unittest import mock

import numpy as np
import pytest

from egnet_tf import models
from egnet_tf.images.convert import reflect_pad
from egnet_tf.inference import load
from export.checks.parity import Tolerance
from export.checks.source import Source
from helpers import random_image

openvino = pytest.importorskip("openvino", reason="needs the extra openvino")

from export.openvino_writer import TOLERANCE, write_openvino  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.process]


@pytest.fixture(scope="module")
def any_size(testing_model, pairs, tmp_path_factory):
    source = Source("testing", testing_model, ("whole",), pairs[:2], "samples test")
    return write_openvino(source, tmp_path_factory.mktemp("openvino")).path


@pytest.fixture(scope="module")
def one_size(source, tmp_path_factory):
    return write_openvino(source, tmp_path_factory.mktemp("openvino"), tile=64).path


def test_model_of_any_size_equals_the_network(any_size, testing_model):
    runner = load(any_size).runner
    # At 144 x 160, attention has more positions (1440) than fit one block of queries.
    for batch, height, width in ((2, 21, 9), (1, 144, 160)):
        image = random_image((batch, height, width, 3), dtype=np.float32)
        padded = np.stack([reflect_pad(x, -height % 8, -width % 8) for x in image])
        expected = np.asarray(models.finest(testing_model.network(padded)))
        expected = np.clip(expected[:, :height, :width], 0, 1)
        assert np.abs(expected - image).max() > 0.1
        np.testing.assert_allclose(runner(image), expected, atol=TOLERANCE.difference)
    assert runner.bytes_per_pixel > 100


def test_model_of_one_size_is_static_and_equals_the_network(
    one_size, device_model, blurry
):
    model = openvino.Core().read_model(one_size / "openvino_model.xml")
    assert list(model.input("image").shape) == [1, 64, 64, 3]
    restorer = load(one_size)
    assert restorer.runner.tile == 64
    for image in blurry:
        expected = np.clip(models.finest(device_model.network(image)), 0, 1)
        np.testing.assert_allclose(
            restorer.runner(image), expected, atol=TOLERANCE.difference
        )


def test_folder_has_the_graph_the_weights_and_a_description(any_size):
    assert any_size.name == "testing_openvino"
    names = ["openvino_model.bin", "openvino_model.xml", "openvino_model.xml.json"]
    assert sorted(path.name for path in any_size.iterdir()) == names
    about = json.loads((any_size / names[2]).read_text())
    assert about["kind"] == "OpenVINO"
    assert about["inputs"]["image"]["shape"] == [None, None, None, 3]
    assert about["parity"]["largest_difference"] <= about["tolerance"]["difference"]
    assert "openvino" in about["versions"]


def test_int8_model_computes_in_bytes_within_its_tolerance(source, crops, tmp_path):
    pytest.importorskip("nncf", reason="needs the extra openvino-int8")
    # A network of random weights and 8 channels averages errors out less.
    relaxed = Tolerance(math.inf, 0.2)
    with mock.patch("export.openvino_writer.INT8_TOLERANCE", relaxed):
        path = write_openvino(source, tmp_path, 64, crops).path
    assert path.name == "testing_64_int8_openvino"
    model = openvino.Core().read_model(path / "openvino_model.xml")
    operators = [node.get_type_name() for node in model.get_ops()]
    assert operators.count("FakeQuantize") > 20
    about = json.loads((path / "openvino_model.xml.json").read_text())
    assert about["calibration"] == {"crops": len(crops)}
    weights = {
        node.get_element_type().to_string()
        for node in model.get_ops()
        if node.get_type_name() == "Constant" and len(node.shape) == 4
    }
    assert "i8" in weights
    assert os.environ["NNCF_CI"]  # It does not report its use.
