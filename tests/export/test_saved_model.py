"""The signatures of an exported version, by TensorFlow alone, and its folder."""

import numpy as np
import pytest
import tensorflow as tf

from egnet_tf import models
from export.checks.source import Source
from helpers import python

pytest.importorskip("tensorflow_serving", reason="needs the extra serving")

from export.saved_model_writer import write_version

pytestmark = [pytest.mark.slow, pytest.mark.process]


def test_saved_model_loads_without_this_package(version):
    script = (
        "import sys, numpy as np, tensorflow as tf\n"
        f"loaded = tf.saved_model.load({str(version)!r})\n"
        "run = loaded.signatures['serving_default']\n"
        "shape = run(image=tf.zeros((2, 19, 70, 3)))['restored'].shape\n"
        "assert shape == (2, 19, 70, 3), shape\n"
        "assert not run.variables\n"
        "assert 'egnet_tf' not in sys.modules\n"
    )
    done = python("-c", script)
    assert done.returncode == 0, done.stderr[-2000:]


def test_saved_model_equals_the_network_at_any_size_and_batch(version, device_model):
    restore = tf.saved_model.load(str(version)).signatures["serving_default"]
    rng = np.random.default_rng(1)
    for shape in ((1, 1, 1, 3), (2, 5, 33, 3), (1, 64, 96, 3)):
        image = rng.random(shape, np.float32)
        bottom, right = (-side % 32 for side in shape[1:3])
        padded = np.pad(image, [(0, 0), (0, bottom), (0, right), (0, 0)], "reflect")
        expected = np.asarray(models.finest(device_model.network(padded)))
        expected = np.clip(expected[:, : shape[1], : shape[2]], 0, 1)
        restored = restore(image=tf.constant(image))["restored"]
        np.testing.assert_allclose(restored, expected, atol=1e-5)


def test_one_request_takes_files_of_different_sizes(version, image, expected):
    deblur = tf.saved_model.load(str(version)).signatures["deblur_bytes"]
    grey = np.full((20, 30, 3), 128, np.uint8)
    files = [tf.io.encode_png(image), tf.io.encode_jpeg(grey)]
    first, second = deblur(image_bytes=tf.stack(files))["restored_bytes"].numpy()
    restored = tf.io.decode_png(first).numpy().astype(int)
    assert np.abs(restored - expected).max() <= 1
    assert np.abs(restored - image).max() > 1
    assert tf.io.decode_png(second).shape == (20, 30, 3)


def test_files_are_refused_by_the_pixels_that_all_of_them_would_take(version):
    """10,000 pixels are nine squares of 32; a JPEG decodes once for each scan."""
    deblur = tf.saved_model.load(str(version)).signatures["deblur_bytes"]
    dot = tf.io.encode_png(np.zeros((1, 1, 3), np.uint8))
    assert len(deblur(image_bytes=tf.stack([dot] * 9))["restored_bytes"]) == 9
    thin = tf.io.encode_png(np.zeros((1, 9000, 3), np.uint8))
    jpeg = tf.io.encode_jpeg(np.zeros((8, 8, 3), np.uint8)).numpy()
    scans = tf.constant(jpeg[:-2] + b"\xff\xda" * 101 + jpeg[-2:])
    for files, word in (([dot] * 10, "10240"), ([thin], "288768"), ([scans], "scans")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=word):
            deblur(image_bytes=tf.stack(files))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[0\]"):
        deblur(image_bytes=tf.zeros([0], tf.string))


def test_warm_up_records_can_be_replayed(version):
    from tensorflow_serving.apis import prediction_log_pb2

    path = version / "assets.extra" / "tf_serving_warmup_requests"
    loaded = tf.saved_model.load(str(version))
    seen = set()
    for record in tf.data.TFRecordDataset(str(path)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        ((key, value),) = request.inputs.items()
        signature = loaded.signatures[request.model_spec.signature_name]
        signature(**{key: tf.constant(tf.make_ndarray(value))})
        seen.add(request.model_spec.signature_name)
    assert seen == {"serving_default", "deblur_bytes"}


def test_saved_model_versions_count_up_and_leave_no_other_file(
    version, device_model, pairs
):
    source = Source("device", device_model, ("whole",), pairs[:1], "samples test")
    assert version.name == "1"
    assert write_version(source, version.parent, 10_000).path.name == "2"
    assert sorted(p.name for p in version.parent.iterdir()) == ["1", "2"]
    assert (version / "saved_model.pb.json").is_file()


@pytest.mark.parametrize(
    ("image", "word"),
    [
        (np.full((1, 8, 8, 3), np.nan, np.float32), r"\[0, 1\]"),
        (np.full((1, 8, 8, 3), np.inf, np.float32), r"\[0, 1\]"),
        (np.full((1, 8, 8, 3), -np.inf, np.float32), r"\[0, 1\]"),
        (np.full((1, 8, 8, 3), 0.5, np.float64), "float"),
        (np.full((1, 8, 8, 3), 1.5, np.float32), r"\[0, 1\]"),
        (np.full((1, 8, 8, 3), -0.5, np.float32), r"\[0, 1\]"),
        (np.zeros((1, 0, 0, 3), np.float32), "pixels"),
        (np.zeros((0, 8, 8, 3), np.float32), "pixels"),
        (np.zeros((1, 200, 200, 3), np.float32), "pixels"),
        # Few pixels, but many where each side is padded to a multiple of 32.
        (np.zeros((1, 1, 9999, 3), np.float32), "pixels"),
        (np.zeros((10, 1, 1, 3), np.float32), "pixels"),
        (np.zeros((8, 8, 3), np.float32), "dimension"),
        (np.zeros((1, 8, 8, 4), np.float32), "."),
    ],
)
def test_saved_model_refuses_invalid_floats(version, image, word):
    restore = tf.saved_model.load(str(version)).signatures["serving_default"]
    with pytest.raises((tf.errors.InvalidArgumentError, TypeError), match=word):
        restore(image=tf.constant(image))
