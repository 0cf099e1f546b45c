"""Exported files beside Keras: what runs, in which tiles, and what is shown of it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import egnet_tf
from egnet_tf import models
from egnet_tf.benchmarks import exported
from egnet_tf.benchmarks.memory import Measured, measured_apart
from egnet_tf.benchmarks.timing import compared
from egnet_tf.errors import InputError

SHIPPED = Path(egnet_tf.__file__).parent / "weights" / "egnet_mobile"
FILE = SHIPPED / "egnet_mobile_float16.tflite"


@pytest.mark.slow
def test_a_row_for_each_precision_of_keras_and_each_file(
    testing_model, tmp_path, monkeypatch
):
    """Processes run here and now; their "peak" is the number of restored pixels."""
    restored = []

    def here(open_restorer_restores, open_restorer, height, width):
        times = open_restorer_restores(open_restorer, height, width)
        restored.append((height, width))
        return Measured(times, height * width)

    monkeypatch.setattr(exported, "measured_apart", here)
    monkeypatch.setattr(exported, "peak_memory", lambda *args: here(*args).peak)
    models.save(tmp_path / "run" / "weights", testing_model._replace(ensemble=None))
    options = exported.Options(
        str(tmp_path / "run"), (str(FILE),), repetitions=1, megapixels=0.1, photos=2
    )
    keras, bfloat16, file = exported.measure(options)
    names = [row.file for row in (keras, bfloat16, file)]
    assert names == ["Keras", "Keras bfloat16", FILE.name]
    assert (keras.times_keras, keras.photo_times_keras) == (1.0, 1.0)
    assert (file.device[:11], keras.device[:15]) == ("CPU, LiteRT", "CPU, TensorFlow")
    assert file.megabytes == FILE.stat().st_size / 1e6
    assert keras.megabytes == 4e-6 * testing_model.network.count_params()
    for row in (keras, bfloat16, file):
        assert row.tile == 256
        assert row.peak_megabytes == 256 * 256 / 1e6
        assert row.photo_peak_megabytes == 274 * 365 / 1e6
        assert min(row.seconds, row.photo_seconds, row.photo_cpu_seconds) > 0
    # In turns: each once a round.
    assert restored == [(256, 256)] * 3 + [(274, 365)] * 6


@pytest.mark.slow
def test_keras_computes_in_the_precision_that_its_row_names(testing_model, tmp_path):
    models.save(tmp_path / "weights", testing_model)
    image = np.random.default_rng(0).random((32, 32, 3), np.float32)
    exact, rounded = (
        exported._keras(tmp_path / "weights", 32, precision)(image)
        for precision in exported._KERAS.values()
    )
    assert 1e-5 < np.abs(exact - rounded).max() < 0.2


def test_files_are_found_by_name_and_in_folders(tmp_path):
    for name in ("a.tflite", "b.onnx", "notes.txt", "a.tflite.json"):
        (tmp_path / name).write_bytes(b"\x1c\0\0\0TFL3")
    model = tmp_path / "c_openvino"
    model.mkdir()
    for name in ("openvino_model.xml", "openvino_model.bin"):
        (model / name).write_text("")
    found = exported.find_files([str(tmp_path)])
    assert list(found) == ["a.tflite", "b.onnx", "c_openvino"]
    assert exported.find_files([str(model)]) == {"c_openvino": model}
    (tmp_path / "empty").mkdir()
    for wrong in ([], [str(tmp_path / "empty")]):
        with pytest.raises(InputError, match="Received: "):
            exported.find_files(wrong)
    shutil.copy(tmp_path / "a.tflite", tmp_path / "empty" / "a.tflite")
    with pytest.raises(InputError, match="different names"):
        exported.find_files([str(tmp_path), str(tmp_path / "empty")])


def test_ratios_are_those_of_the_rounds():
    """The second is twice as slow in each round; the machine got slower meanwhile."""
    times = compared({"a": [1.0, 3.0, 10.0], "b": [2.0, 6.0, 20.0]})
    assert times["a"] == (3.0, 1.0)
    assert times["b"] == (6.0, 2.0)


@pytest.mark.slow
@pytest.mark.process
def test_a_process_of_its_own_returns_what_it_computed():
    result, peak = measured_apart(np.full, 10_000_000, 0.5)
    assert result.sum() == 5_000_000
    assert peak > 70e6
