import keras
import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.inference import Restorer, load
from egnet_tf.inference.runners.litert import LiteRTRunner
from egnet_tf.inference.runners.tensorflow import KerasRunner, SavedModelRunner
from egnet_tf.layers.pooling import GlobalPool, local_pooling
from helpers import random_image


@pytest.fixture(scope="module")
def network():
    """A convolution and a global pool: small, and not the same under tiles."""
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(3, 3, padding="same")(image)
    restored = keras.layers.Add()(
        [image, keras.layers.Multiply()([x, GlobalPool()(x)])]
    )
    outputs = {"stage3": restored, "stage2": x, "stage1": image}
    return keras.Model(image, outputs)


@pytest.fixture(scope="module")
def export(network, tmp_path_factory):
    def run(shape):
        folder = tmp_path_factory.mktemp("saved_model")
        archive = keras.export.ExportArchive()
        archive.track(network)
        archive.add_endpoint(
            "serving_default",
            lambda image: {"restored": network(image)["stage3"]},
            input_signature=[tf.TensorSpec(shape, tf.float32, name="image")],
        )
        archive.write_out(str(folder))
        return folder

    return run


@pytest.fixture(scope="module")
def saved_model(export):
    return export((None, None, None, 3))


@pytest.fixture(scope="module")
def tflite(export, tmp_path_factory):
    folder = export((1, 32, 32, 3))
    path = tmp_path_factory.mktemp("tflite") / "model.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert())
    return path


@pytest.fixture
def image():
    return random_image((2, 32, 32, 3), dtype=np.float32)


def test_runners_restore_as_the_network_does(network, saved_model, tflite, image):
    expected = network(image)["stage3"]
    for runner in (
        KerasRunner(network, 8),
        SavedModelRunner(saved_model),
        LiteRTRunner(tflite),
    ):
        np.testing.assert_allclose(runner(image), expected, atol=1e-5)


def test_keras_runner_traces_once_for_all_sizes(network, image):
    runner = KerasRunner(network, 8)
    for size in (8, 16, 32):
        runner(image[:, :size, :size])
        runner(image[:1, :size, :size])
    assert runner._restore.experimental_get_tracing_count() == 1


def test_export_runners_report_their_properties(saved_model, tflite, export):
    assert SavedModelRunner(saved_model).tile is None
    assert SavedModelRunner(export((1, 16, 16, 3))).tile == 16
    assert LiteRTRunner(tflite).tile == 32


def test_saved_model_runner_knows_the_memory_of_the_network(network, saved_model):
    expected = KerasRunner(network, 8).bytes_per_pixel
    assert SavedModelRunner(saved_model).bytes_per_pixel == pytest.approx(
        expected, rel=0.3
    )


def test_keras_runner_applies_local_pooling(network, image):
    with local_pooling(12, image):
        expected = network(image)["stage3"]
    local = KerasRunner(network, 8, pooling_window=12)
    np.testing.assert_allclose(local(image), expected, atol=1e-6)
    assert np.abs(local(image) - KerasRunner(network, 8)(image)).max() > 1e-4


def test_load_recognises_exports(saved_model, tflite, network):
    image = random_image((40, 50, 3), seed=1)
    tiled = load(tflite)(image)
    same = Restorer(KerasRunner(network, 8), tile=32)(image)
    assert np.abs(tiled.astype(int) - same).max() <= 1
    whole = load(saved_model)(image)
    assert (
        np.abs(whole.astype(int) - Restorer(KerasRunner(network, 2))(image)).max() <= 1
    )


def test_load_refuses_files_that_are_no_model(tmp_path, tflite, saved_model):
    (tmp_path / "text.tflite").write_text("no model")
    (tmp_path / "saved_model.pb").write_text("no model")
    (tmp_path / "empty").mkdir()
    for name in ("text.tflite", ".", "empty", "none/such", "none.tflite"):
        with pytest.raises(InputError, match="Received: "):
            load(tmp_path / name)
    with pytest.raises(InputError, match="Received: no_such_variant"):
        load("no_such_variant")
    for path in (tflite, saved_model):
        with pytest.raises(InputError, match="local pooling"):
            load(path, local_pooling=True)


def test_exports_with_another_signature_are_refused(tmp_path):
    def other(photo):
        return {"restored": photo}

    module = tf.Module()
    spec = tf.TensorSpec((1, 8, 8, 3), tf.float32, name="photo")
    module.other = tf.function(other, input_signature=[spec])
    tf.saved_model.save(
        module, str(tmp_path), signatures={"serving_default": module.other}
    )
    with pytest.raises(InputError, match="image -> restored"):
        SavedModelRunner(tmp_path)
    path = tmp_path / "other.tflite"
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path))
    path.write_bytes(converter.convert())
    with pytest.raises(InputError, match="image -> restored"):
        LiteRTRunner(path)
