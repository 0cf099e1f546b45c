"""Device files on LiteRT's GPU accelerator; `make gpu-test` brings one in software."""

import dataclasses
import json
import os
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

import egnet_tf
from egnet_tf import models
from egnet_tf.errors import InputError
from egnet_tf.inference.resolve import resolve
from egnet_tf.inference.runners.accelerated import AcceleratedRunner
from egnet_tf.inference.runners.litert import LiteRTRunner
from export.checks.accelerator import check_on_gpu
from export.checks.parity import Tolerance
from export.checks.source import Source
from export.graphs.tile import tile_graph
from export.litert.convert import TileConverter
from export.litert.modes import TOLERANCES
from export.litert.writer import LiteRTWriter

pytestmark = [pytest.mark.slow, pytest.mark.process]

TILE = 64
ANY = dict.fromkeys(TOLERANCES, Tolerance(np.inf, np.inf))


@pytest.fixture(autouse=True)
def vulkan():
    if not (os.environ.get("VK_DRIVER_FILES") or os.environ.get("VK_ICD_FILENAMES")):
        pytest.skip("no Vulkan driver is named")


def note_of(path):
    return json.loads(path.with_name(f"{path.name}.json").read_text())["gpu"]


@pytest.mark.parametrize("mode", ["float16", "dynamic", "int8_uint8"])
def test_files_run_wholly_and_correctly(source, crops, tmp_path, mode):
    writer = LiteRTWriter(source, tmp_path, TILE, crops, "samples train", "gpu")
    mode, _, uint8 = mode.partition("_")
    with mock.patch.dict(TOLERANCES, ANY):
        note = note_of(writer.write(mode, uint8=bool(uint8)).path)
    assert note["run"] and note["whole"] and note["photographs"] == 2
    assert "arch=" in note["adapter"]
    assert note["psnr_to_cpu"] > (100 if mode == "float16" else 40)


def test_what_stops_the_gpu_is_named(source, crops, tmp_path, caplog):
    writer = LiteRTWriter(source, tmp_path, TILE, crops, "samples train")
    with mock.patch.dict(TOLERANCES, ANY):
        path = writer.write("int16x8").path
    note = note_of(path)
    assert note["run"] and not note["whole"]
    assert "Tensor type(INT16) is not supported" in note["operators"]["CONV_2D"]
    assert "does not take" in caplog.text
    with pytest.raises(InputError, match="Received: it does not take ADD"):
        check_on_gpu(path, "int16x8", source.pairs, "gpu")
    not_asked = {"run": False, "why": "not asked for"}
    assert check_on_gpu(path, "int16x8", source.pairs, "cpu") == not_asked


def test_shipped_8_bit_file_is_trusted_on_the_gpu():
    """Its arithmetic there is not that of the CPU, but near enough on the probe."""
    path = resolve("egnet_mobile").path / "egnet_mobile_int8.tflite"
    runner = AcceleratedRunner(path, "gpu")
    assert runner.device.startswith("GPU (")
    image = np.random.default_rng(0).random((1, 256, 256, 3), np.float32)
    assert 0 < np.abs(runner(image) - LiteRTRunner(path)(image)).max() < 0.1


def test_shipped_files_run_on_the_gpu():
    """float16 to the last bits of float32 arithmetic, but not by the CPU."""
    path = resolve("egnet_mobile").path / "egnet_mobile_float16.tflite"
    image = np.random.default_rng(0).random((1, 256, 256, 3), np.float32)
    restorer = egnet_tf.load(path, accelerator="gpu")
    assert restorer.runner.device.startswith("GPU (")
    difference = np.abs(restorer.runner(image) - LiteRTRunner(path)(image)).max()
    assert 0 < difference < 1e-3
    # A GPU in software is never faster.
    if restorer.runner.in_software:
        assert egnet_tf.load(path).runner.device.startswith("CPU")


_REPEATED = ("num_blocks", "num_cabs", "num_level_cabs")


def narrow(name):
    """The variant with a few channels: its operators, in less time."""
    variant = models.variant(name)
    backbone = dataclasses.asdict(variant.backbone)
    few = {key: 8 for key, n in backbone.items() if key.endswith("features") and n}
    few |= {key: 1 for key in backbone if key in _REPEATED}
    egn = variant.egn and dataclasses.replace(
        variant.egn, filters=8, num_modules=1, key_filters=4
    )
    backbone = dataclasses.replace(variant.backbone, **few)
    return dataclasses.replace(variant, backbone=backbone, egn=egn)


@pytest.mark.parametrize(
    ("name", "stopped"),
    [
        ("egnet", {}),
        ("egnet_tiny", {}),
        ("dmphn_egn", {}),
        ("mimo_unet_egn", {"TRANSPOSE_CONV": "Max version supported: 3"}),
    ],
)
def test_every_backbone_runs_on_the_gpu_or_the_docs_say_why(
    name, stopped, pairs, tmp_path
):
    """egnet_mobile is above; the others differ from these in sizes only."""
    keras.utils.set_random_seed(0)
    variant = narrow(name)
    network = models.build(variant)
    for variable in network.trainable_variables:
        variable.assign_add(tf.random.normal(variable.shape, 0, 0.01))
    loaded = models.LoadedModel(variant, network, None, (), TILE)
    source = Source(f"runs/{name}", loaded, ("whole",), pairs, "samples test")
    file = tmp_path / "file.tflite"
    file.write_bytes(TileConverter(tile_graph(source, TILE)).convert("float32"))
    note = check_on_gpu(file, name, pairs[:1])
    assert note["run"] and note["whole"] == (not stopped)
    assert note.get("operators", {}) == stopped
