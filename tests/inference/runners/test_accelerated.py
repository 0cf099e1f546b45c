"""Accelerators in a process of their own, and what happens when they fail.

No GPU is needed; tests/export/test_gpu.py has one.
"""

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import egnet_tf
from egnet_tf.errors import InputError
from egnet_tf.inference.runners import accelerated
from egnet_tf.inference.runners.accelerated import (
    AcceleratedRunner,
    AcceleratorError,
    disagreement,
    open_litert,
    probe,
)
from egnet_tf.inference.runners.litert import LiteRTRunner
from helpers import command, random_image

pytestmark = pytest.mark.process

SHIPPED = Path(egnet_tf.__file__).parent / "weights" / "egnet_mobile"
FLOAT16 = SHIPPED / "egnet_mobile_float16.tflite"
TILE = 256

FAKE = """
import json, sys, time
import numpy as np
sys.path[:] = [sys.argv[1], *filter(None, sys.path)]
from egnet_tf.inference.runners.litert import LiteRTRunner
def answer(refused="", adapter="", operators={{}}):
    print(json.dumps(dict(refused=refused, missing=False, adapter=adapter,
        operators=operators)))
    sys.stdout.flush()
shape, size = (1, {tile}, {tile}, 3), {tile} ** 2 * 3 * 4
def tensors():
    while len(content := sys.stdin.buffer.read(size)) == size:
        yield np.frombuffer(content, np.float32).reshape(shape)
def send(restored):
    sys.stdout.buffer.write(np.asarray(restored, np.float32).tobytes())
    sys.stdout.flush()
right = LiteRTRunner(sys.argv[2])
{code}
"""
"""In the place of LiteRT on an accelerator: LiteRT on the CPU, with faults."""


@pytest.fixture
def pretend(monkeypatch):
    """Makes an accelerator of some code after FAKE's."""

    def install(code, hardware=True):
        kind = "discrete GPU" if hardware else "CPU / Software"
        adapter = f"Voodoo 3, arch=x, vendor=3dfx, backend=Vulkan, adapterType={kind}"
        code = f"adapter = {adapter!r}\n{code}"
        monkeypatch.setattr(accelerated, "_CODE", FAKE.format(tile=TILE, code=code))
        monkeypatch.setattr(accelerated, "may_have_gpu", lambda: True)

    return install


RIGHT = "answer(adapter=adapter)\nfor x in tensors(): send(right(x))"


@pytest.fixture
def image():
    return random_image((2, TILE, TILE, 3), dtype=np.float32)


def test_the_process_restores_and_is_named(pretend, image):
    pretend(RIGHT)
    runner = AcceleratedRunner(FLOAT16, "gpu")
    np.testing.assert_array_equal(runner(image), LiteRTRunner(FLOAT16)(image))
    assert runner.device.startswith("GPU (Voodoo 3, Vulkan), LiteRT 2.")
    assert runner.tile == TILE and not runner.in_software
    process = runner._process
    process.close()
    assert process._process.returncode == 0


WRONG = {
    "nothing": "x",
    "noise": "np.random.default_rng(0).random(shape)",
    "a border": "np.where(np.arange(256)[:, None] < 2, 0, right(x))",
    "not finite": "np.where(x == x[0, 9, 9, 0], np.nan, right(x))",
}


@pytest.mark.parametrize("restored", WRONG.values(), ids=WRONG)
def test_what_computes_wrongly_is_refused(pretend, restored):
    pretend(f"answer(adapter=adapter)\nfor x in tensors(): send({restored})")
    with pytest.raises(AcceleratorError, match="differs from the CPU"):
        AcceleratedRunner(FLOAT16, "gpu")


FAILING = {
    "refuses": ("answer('it has\\n no room')", "it has no room"),
    "ends": ("sys.exit(7)", "exit code 7"),
    "prints": ("print('hello')", "the process that uses it ended"),
    "crashes": ("import os; os.abort()", "SIGABRT"),
    "ends later": ("answer()\nnext(tensors())\nsys.exit(7)", "exit code 7"),
    "hangs": ("answer()\nnext(tensors())\ntime.sleep(60)", "SIGKILL"),
}


@pytest.mark.parametrize(("code", "why"), FAILING.values(), ids=FAILING)
def test_what_fails_leaves_it_to_the_cpu_in_one_line(
    pretend, caplog, monkeypatch, code, why
):
    if why.startswith("SIG") and sys.platform == "win32":
        pytest.skip("no signals on Windows")
    pretend(code)
    if "sleep" in code:
        monkeypatch.setattr(accelerated, "_SECONDS", 5.0)
    with caplog.at_level(logging.WARNING):
        runner = open_litert(FLOAT16, "gpu")
    assert type(runner) is LiteRTRunner and runner.device.startswith("CPU, LiteRT")
    (record,) = caplog.records
    text = record.getMessage()
    assert why in text and "\n" not in text and str(FLOAT16) in text


def test_a_gpu_lost_in_a_photo_costs_a_line_and_no_tile(pretend, caplog, image):
    pretend("answer()\nfor i, x in zip(range(3), tensors()): send(right(x))")
    runner = open_litert(FLOAT16, "gpu")
    assert runner.device.startswith("GPU")
    restored = runner(image)
    np.testing.assert_array_equal(restored, LiteRTRunner(FLOAT16)(image))
    assert runner.device.startswith("CPU")
    assert len(caplog.records) == 1
    np.testing.assert_array_equal(runner(image), restored)
    assert len(caplog.records) == 1


def test_auto_takes_hardware_that_is_faster(pretend, caplog, monkeypatch):
    slow = "\nfor x in tensors(): time.sleep(2); send(right(x))"
    for code, hardware, expected in (
        (RIGHT, False, "CPU"),
        (f"answer(adapter=adapter){slow}", True, "CPU"),
        ("answer('no driver')", True, "CPU"),
    ):
        pretend(code, hardware)
        assert open_litert(FLOAT16, "auto").device.startswith(expected)
    # Both are the CPU: which is faster is chance.
    pretend(RIGHT)
    monkeypatch.setattr(
        accelerated.time, "perf_counter", iter([0.0, 1.0, 3.0]).__next__
    )
    assert open_litert(FLOAT16, "auto").device.startswith("GPU")
    assert not caplog.records


def test_load_says_what_it_runs_on(pretend):
    pretend(RIGHT)
    restorer = egnet_tf.load(FLOAT16, accelerator="gpu")
    assert restorer.runner.device.startswith("GPU (Voodoo 3, Vulkan)")
    with pytest.raises(InputError, match="Received: tpu"):
        egnet_tf.load(FLOAT16, accelerator="tpu")


def test_deblur_says_what_it_runs_on(tmp_path):
    photo = tmp_path / "photo.png"
    Image.fromarray(random_image((20, 30, 3))).save(photo)
    # As text: the warning gets past what mutes LiteRT's own notices.
    done = command("egnet_tf.deblur", photo, f"--model={FLOAT16}", "--accelerator=npu")
    assert done.returncode == 0
    assert "restoring on CPU, LiteRT 2." in done.stdout
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("warning: ") and "since no NPU can be used" in line


def test_the_probe_gives_the_network_work():
    image = probe(TILE)
    restored = LiteRTRunner(FLOAT16)(image)
    assert image.min() >= 0.1 and image.max() <= 0.9 + 1e-6
    assert np.sqrt(np.mean(np.square(restored - image))) > 0.02
    # Where a network changes nothing, two levels of 255 are allowed.
    assert not disagreement(image, image, image + 1.9 / 255)
    assert disagreement(image, image, image + 2.1 / 255)
