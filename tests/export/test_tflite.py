"""Every mode's file: its operators, its parity with Keras, its JSON file."""

import hashlib
import json
from unittest import mock

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from egnet_tf import models
from egnet_tf.errors import InputError
from egnet_tf.inference import load
from export.checks.parity import Tolerance
from export.litert.inspect import read_contents
from export.litert.modes import CALIBRATED, TOLERANCES
from export.litert.writer import LiteRTWriter

pytestmark = [pytest.mark.slow, pytest.mark.process]

TILE = 64
# A network of random weights and 8 channels averages errors out less than trained ones.
RANDOM = {
    **TOLERANCES,
    "dynamic": Tolerance(0.02, 0.2),
    "int8": Tolerance(0.12, 0.2),
    "int8_full": Tolerance(0.12, 0.2),
    "int16x8": Tolerance(0.05, 0.2),
}
MODES = (*TOLERANCES, "int8_uint8")
OF_BYTES = ("int8_full", "int8_uint8")


@pytest.fixture(scope="module")
def exports(source, crops, tmp_path_factory):
    """Each mode's export; made once."""
    folder = tmp_path_factory.mktemp("tflite")
    writer = LiteRTWriter(source, folder, TILE, crops, "samples train")
    written = {}
    with mock.patch.dict(TOLERANCES, RANDOM):
        for name in MODES:
            mode = name.removesuffix("_uint8")
            written[name] = writer.write(mode, uint8=mode != name)
    return written


@pytest.mark.parametrize("name", MODES)
def test_tflite_has_builtin_operators_static_shapes_and_no_variables(exports, name):
    contents = read_contents(exports[name].path.read_bytes())
    assert contents.operators["CONV_2D"] > 10
    assert not contents.custom
    assert contents.static and contents.largest_rank <= 4
    for operator in contents.operators:
        for word in ("VAR_HANDLE", "VARIABLE", "WHILE", "IF", "CUSTOM", "FLEX"):
            assert operator != word and not operator.endswith(f"_{word}")


@pytest.mark.parametrize("name", MODES)
def test_tflite_equals_the_network(exports, name, device_model, blurry):
    """Against the network itself, stacked and of open size, in this process."""
    limit = RANDOM[name.removesuffix("_uint8")].difference
    runner = load(exports[name].path).runner
    for image in blurry:
        expected = np.clip(models.finest(device_model.network(image)), 0, 1)
        difference = np.abs(runner(image) - expected).max()
        # The network is not the identity, or this would compare nothing.
        assert difference <= limit < np.abs(image - expected).max()


@pytest.mark.parametrize("name", MODES)
def test_json_file_describes_how_to_use_the_tflite_file(exports, name):
    path = exports[name].path
    note = json.loads(path.with_name(f"{path.name}.json").read_text())
    assert note["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert note["bytes"] == path.stat().st_size
    assert note["inputs"]["image"]["shape"] == [1, TILE, TILE, 3]
    wanted = ("uint8", [0, 255]) if name in OF_BYTES else ("float32", [0, 1])
    for tensor in (note["inputs"]["image"], note["outputs"]["restored"]):
        assert (tensor["dtype"], tensor["range"]) == wanted
    assert ("calibration" in note) == (note["mode"] in CALIBRATED)
    assert note["parity"]["photographs"] == 6
    assert note["source"]["branches"] == ["whole"]


@pytest.mark.parametrize("name", OF_BYTES)
def test_uint8_file_maps_image_bytes_to_image_bytes(exports, name, pairs, blurry):
    """A uint8 file needs no arithmetic around it: level n is n / 255."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(exports[name].path))
    signature = interpreter.get_signature_runner()
    details = signature.get_input_details()["image"]
    assert details["dtype"] == np.uint8
    np.testing.assert_allclose(details["quantization"], (1 / 255, 0), atol=1e-6)
    output = signature.get_output_details()["restored"]
    assert output["dtype"] == np.uint8
    np.testing.assert_allclose(output["quantization"], (1 / 255, 0), atol=1e-6)
    restored = signature(image=pairs[0].blurry[None])["restored"]
    runner = load(exports[name].path).runner
    np.testing.assert_allclose(restored / 255, runner(blurry[0]), atol=1e-6)


def test_float16_file_keeps_the_stems_in_float32(exports, device_model):
    """Constants of the file against the kernels in Keras."""
    content = exports["float16"].path.read_bytes()
    model = flatbuffer_utils.convert_bytearray_to_object(content)
    (graph,) = model.subgraphs
    constants = {
        bytes(model.buffers[tensor.buffer].data)
        for tensor in graph.tensors
        if tensor.type == schema.TensorType.FLOAT32
        and model.buffers[tensor.buffer].data is not None
    }
    network = device_model.network
    kernels = [
        np.transpose(network.get_layer(f"stage{n}_shallow_conv").kernel, (3, 0, 1, 2))
        for n in (1, 2, 3)
    ]
    assert {np.ascontiguousarray(kernel).tobytes() for kernel in kernels} <= constants
    # The rest is rounded.
    assert "DEQUANTIZE" in read_contents(content).operators


def test_int8_full_file_has_no_float_island(exports):
    model = flatbuffer_utils.read_model(str(exports["int8_full"].path))
    (graph,) = model.subgraphs
    types = schema.TensorType
    assert {t.type for t in graph.tensors} <= {types.INT8, types.INT32, types.UINT8}
    ends = {int(i) for i in (*graph.inputs, *graph.outputs)}
    assert ends == {
        i for i, t in enumerate(graph.tensors) if t.type == schema.TensorType.UINT8
    }


def test_tflite_sizes_decrease_from_mode_to_mode(exports, device_model):
    sizes = {name: export.size for name, export in exports.items()}
    assert sizes["float32"] > 4 * device_model.network.count_params()
    assert sizes["float32"] > sizes["float16"]


def test_uint8_images_are_refused_outside_int8_mode(source, tmp_path):
    writer = LiteRTWriter.__new__(LiteRTWriter)
    with pytest.raises(InputError, match="Received: float16"):
        writer.write("float16", uint8=True)
