"""OpenVINO models made by hand, without TensorFlow."""

from importlib import metadata

import numpy as np
import pytest

from egnet_tf.errors import InputError
from egnet_tf.inference import load
from egnet_tf.inference.runners.openvino import OpenVINORunner
from helpers import random_image

openvino = pytest.importorskip("openvino", reason="needs the extra openvino")
opset = pytest.importorskip("openvino.opset13", reason="needs the extra openvino")


def write(path, shape, *, names=("image", "restored"), memory=None, dtype=np.float32):
    """A model that halves numbers, of a shape where -1 stands for any size."""
    image = opset.parameter(shape, dtype, name="x")
    model = openvino.Model([opset.multiply(image, np.array(0.5, dtype))], [image], "m")
    model.inputs[0].get_tensor().set_names({names[0]})
    model.outputs[0].get_tensor().set_names({names[1]})
    if memory is not None:
        model.set_rt_info(memory, ["egnet", "bytes_per_pixel"])
    openvino.save_model(model, path, compress_to_fp16=False)
    return path


@pytest.mark.parametrize("shape", [[-1, -1, -1, 3], [-1, 3, -1, -1]])
def test_model_of_any_size_restores_whole_batches_in_both_layouts(shape, tmp_path):
    runner = OpenVINORunner(write(tmp_path / "m.xml", shape, memory="99"))
    assert (runner.tile, runner.size_multiple) == (None, 1)
    assert runner.bytes_per_pixel == 99
    assert runner.device == f"CPU, OpenVINO {metadata.version('openvino')}"
    first = random_image((2, 5, 7, 3), dtype=np.float32)
    kept = runner(first)
    np.testing.assert_array_equal(kept, first / 2)
    runner(np.zeros_like(first))  # Overwrites what OpenVINO returned before.
    np.testing.assert_array_equal(kept, first / 2)


@pytest.mark.process
@pytest.mark.parametrize("shape", [[1, 16, 16, 3], [1, 3, 16, 16]])
def test_model_of_one_size_restores_photos_in_tiles(shape, tmp_path):
    """By its folder and by its file."""
    path = write(tmp_path / "openvino_model.xml", shape)
    photo = random_image((40, 23, 3))
    expected = np.rint(photo / 2.0)
    for model in (tmp_path, path):
        restorer = load(model)
        assert restorer.runner.tile == 16
        assert np.abs(restorer(photo) - expected).max() <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": ("photo", "restored")}, "image to restored"),
        ({"names": ("image", "sharp")}, "image to restored"),
        ({"shape": [1, 16, 24, 3]}, "any size or square"),
        ({"shape": [1, 16, -1, 3]}, "any size or square"),
        ({"shape": [1, 16, 16, 4]}, "any size or square"),
        ({"shape": [16, 16, 3]}, "any size or square"),
        ({"shape": []}, "any size or square"),
        ({"dtype": np.float64}, "float32"),
    ],
)
def test_other_models_are_refused(changes, message, tmp_path):
    path = write(tmp_path / "m.xml", **{"shape": [-1, -1, -1, 3], **changes})
    with pytest.raises(InputError, match=f"{message}.*Received: ") as raised:
        OpenVINORunner(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("memory", [None, "much", "nan", "0", "-5", "inf"])
def test_memory_that_is_not_said_or_wrong_is_refused(memory, tmp_path):
    runner = OpenVINORunner(write(tmp_path / "m.xml", [-1, -1, -1, 3], memory=memory))
    with pytest.raises(InputError, match="Received: "):
        _ = runner.bytes_per_pixel


@pytest.mark.process
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("openvino_model.xml", b""),
        ("openvino_model.xml", b"<net"),
        ("openvino_model.xml", b"\x00\xff" * 500),
        ("openvino_model.bin", None),
        ("openvino_model.bin", b""),
    ],
)
def test_damaged_models_are_refused_in_one_line(name, content, tmp_path):
    write(tmp_path / "openvino_model.xml", [-1, -1, -1, 3])
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="Received: ") as raised:
        load(tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.process
@pytest.mark.parametrize("accelerator", ["gpu", "npu"])
def test_an_accelerator_that_is_not_there_costs_a_line(
    accelerator, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(
        "openvino.Core", lambda core=openvino.Core: Devices(core(), ["CPU"])
    )
    path = write(tmp_path / "m.xml", [-1, -1, -1, 3])
    with caplog.at_level("WARNING"):
        restorer = load(path, accelerator=accelerator, tile=16)
    (record,) = caplog.records
    why = f"OpenVINO finds no {accelerator.upper()}"
    assert record.getMessage().endswith(why)
    assert restorer.runner.device.startswith("CPU, ")


class Devices:
    """A core that knows of some devices only."""

    def __init__(self, core, devices):
        self._core, self.available_devices = core, devices

    def __getattr__(self, name):
        return getattr(self._core, name)
