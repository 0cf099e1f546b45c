"""Several devices, of which a machine without GPUs has logical CPUs."""

import os
from pathlib import Path

import numpy as np
import pytest

import egnet_tf
from egnet_tf.errors import InputError
from egnet_tf.inference.devices import parse_devices
from egnet_tf.inference.runners import litert
from egnet_tf.inference.runners.pool import RunnerPool
from helpers import command, python, random_image

SHIPPED = Path(egnet_tf.__file__).parent / "weights" / "egnet_mobile"


def test_devices_are_all_or_numbers():
    assert parse_devices("all") is None
    assert parse_devices("0,12") == (0, 12)
    for wrong in ("", "two", "0,0", "-1", "0,", "0 1", "99999"):
        with pytest.raises(InputError, match="Received: "):
            parse_devices(wrong)


@pytest.mark.process
def test_wrong_devices_are_refused_before_tensorflow_loads(tmp_path):
    (tmp_path / "photo.png").write_bytes(b"")
    done = command("egnet_tf.deblur", tmp_path / "photo.png", "--devices=1,1")
    assert done.returncode == 1
    assert done.stderr.startswith("error: Expected all, or different numbers")


def test_tflite_file_is_opened_for_each_core_within_the_memory(monkeypatch):
    opened = []

    class Runner:
        tile = 256

        def __init__(self, path, threads):
            opened.append(threads)

    monkeypatch.setattr(litert, "LiteRTRunner", Runner)
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert len(litert.one_for_each_core("file", 8 * 2**30)) == 12
    assert opened == [1] * 12
    opened.clear()
    assert len(litert.one_for_each_core("file", 2**29)) == 3
    assert opened == [1, 4, 4, 4]
    opened.clear()
    assert len(litert.one_for_each_core("file", 1)) == 1
    assert opened == [1, 12]


@pytest.mark.parametrize("branches", [None, ["whole", "rotate180"]])
def test_copies_of_a_tflite_file_restore_as_one_does(branches, monkeypatch):
    file = SHIPPED / "egnet_mobile_float16.tflite"
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    one = egnet_tf.load(file, branches=branches)
    several = egnet_tf.load(file, branches=branches, devices="all")
    assert isinstance(several.runner, RunnerPool)
    assert len(several.runner.runners) == 3
    assert several.runner.device == one.runner.device
    image = random_image((256, 450, 3))
    np.testing.assert_array_equal(several(image), one(image))


_TWO_CPUS = """
import sys, threading
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
import egnet_tf
from egnet_tf.errors import InputError

class Scaling(tf.Module):
    def __init__(self):
        self.scale = tf.Variable(0.5)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), name="image")])
    def restore(self, image):
        return {"restored": self.scale * image}

module = Scaling()
signatures = {"serving_default": module.restore}
tf.saved_model.save(module, sys.argv[2], signatures=signatures)
image = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
for model in sys.argv[1:]:
    one = egnet_tf.load(model, tile=32)
    both = egnet_tf.load(model, tile=32, devices="all")
    copies = both.runner.runners
    assert len(copies) == 2
    # Where the weights of each lie, and where each of them computes.
    inner = [getattr(copy, "_runner", copy) for copy in copies]
    inner = [getattr(copy, "_runner", copy) for copy in inner]
    for number, copy in enumerate(inner):
        where = {v.device for v in copy._restore.get_concrete_function().variables} \\
            if hasattr(copy._restore, "get_concrete_function") else \\
            {v.device for v in copy._restore.variables}
        assert len(where) == 1 and f"CPU:{number}" in where.pop(), number
    used = []
    convert = tf.convert_to_tensor
    def converted(*args, **options):
        tensor = convert(*args, **options)
        used.append(tensor.device)
        return tensor
    tf.convert_to_tensor = converted
    restored = both(image)
    tf.convert_to_tensor = convert
    places = {name.rpartition(":")[2] for name in used if name}  # "" in graphs.
    assert places == {"0", "1"}, used
    assert np.abs(restored.astype(int) - one(image)).max() <= 1
    second = egnet_tf.load(model, tile=32, devices="1")
    assert np.abs(restored.astype(int) - second(image)).max() <= 1
    try:
        egnet_tf.load(model, devices="0,2")
    except InputError as error:
        assert "among 0, 1 (CPU). Received: 0,2" in str(error), error
    else:
        raise AssertionError
print("all right")
"""


@pytest.mark.slow
@pytest.mark.process
def test_network_is_on_all_of_tensorflows_devices(testing_model, tmp_path):
    from egnet_tf import models

    models.save(tmp_path / "run" / "weights", testing_model)
    done = python("-c", _TWO_CPUS, tmp_path / "run", tmp_path / "saved")
    assert done.stdout == "all right\n", done.stderr
