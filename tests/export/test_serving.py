"""The clients against servers of both protocols, with right and wrong requests.

No `tensorflow_model_server` here: REST is a KServe server (V1 protocol) in a process
of its own, gRPC a PredictionService of the official stubs, both over the exported
SavedModel.
"""

import io
import os
import socket
import subprocess
import sys
import time
from concurrent import futures
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image

from egnet_tf.errors import InputError
from export import serving
from helpers import command

grpc = pytest.importorskip("grpc")
requests = pytest.importorskip("requests")
pytest.importorskip("tensorflow_serving", reason="needs the extra serving")

pytestmark = [pytest.mark.slow, pytest.mark.process]

CONFIGURATION = Path(serving.__file__).parent


def file_of(pixels, kind="png"):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def assert_restored(png, expected, image):
    restored = np.asarray(Image.open(io.BytesIO(png))).astype(int)
    assert np.abs(restored - expected).max() <= 1
    assert np.abs(restored - image).max() > 1


def test_model_configuration_parses_as_its_protobuf():
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((CONFIGURATION / "models.config").read_text(), config)
    (model,) = config.model_config_list.config
    assert model.name == "egnet" and model.base_path == "/models/egnet"
    versions = set(model.model_version_policy.specific.versions)
    assert {"stable", "canary"} == set(model.version_labels)
    assert set(model.version_labels.values()) <= versions


# === gRPC ===


@pytest.fixture(scope="module")
def grpc_server(version):
    """Address of a PredictionService over the SavedModel."""
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    loaded = tf.saved_model.load(str(version))

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):  # noqa: N802
            spec = request.model_spec
            if spec.name != "egnet" or spec.version_label not in ("", "stable"):
                context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found")
            inputs = {
                k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()
            }
            try:
                outputs = loaded.signatures[spec.signature_name](**inputs)
            except (tf.errors.OpError, ValueError, TypeError, KeyError) as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error)[:1000])
            answer = predict_pb2.PredictResponse()
            for name, value in outputs.items():
                answer.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
            return answer

    server = grpc.server(futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        Service(), server
    )
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(None)


def bad_files(image):
    """100 wrong image files, each with a word of its error."""
    png, jpeg = file_of(image), file_of(image, "jpeg")
    huge = np.zeros((200, 200, 3), np.uint8)
    rng = np.random.default_rng(2)
    kinds = [
        lambda: (b"", "JPEG or PNG"),
        lambda: (b"<html>not an image</html>", "JPEG or PNG"),
        lambda: (rng.bytes(200), "JPEG or PNG"),
        lambda: (file_of(image, "gif"), "JPEG or PNG"),
        lambda: (png[: int(rng.integers(30, len(png) // 2))], ""),
        lambda: (jpeg[: int(rng.integers(3, 20))], ""),
        lambda: (png[:16] + bytes(8) + png[24:], "pixels"),
        lambda: (png[:16] + b"\x7f\xff\xff\xff" * 2 + png[24:], "pixels"),
        lambda: (file_of(huge), "pixels"),
        lambda: (file_of(huge, "jpeg"), "pixels"),
        lambda: (file_of(np.zeros((9000, 1, 3), np.uint8)), "pixels"),
        lambda: (jpeg[:2] + b"\xff\xda" * 101 + jpeg[2:], "scans"),
    ]
    return [kinds[i % len(kinds)]() for i in range(100)]


def test_grpc_survives_bad_requests_between_good_ones(grpc_server, image, expected):
    from export.serving.grpc_client import deblur

    request = (grpc_server, "egnet", "stable")
    for number, (bad, word) in enumerate(bad_files(image)):
        with pytest.raises(InputError, match=f"(?s)INVALID_ARGUMENT.*{word}"):
            deblur(bad, *request, retries=0)
        if number % 10 == 0:
            assert_restored(deblur(file_of(image), *request), expected, image)
    assert_restored(deblur(file_of(image, "png"), *request), expected, image)
    with pytest.raises(InputError, match="NOT_FOUND"):
        deblur(file_of(image), grpc_server, "other", retries=0)


def test_grpc_refuses_requests_of_wrong_tensors(grpc_server, image, expected):
    """What the client never sends: other numbers of images, types and inputs."""
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    channel = grpc.insecure_channel(grpc_server)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def predict(signature, **inputs):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "egnet"
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        return stub.Predict(request, timeout=120)

    grey = np.full((1, 8, 8, 3), 0.5, np.float32)
    files = [file_of(image)]
    for signature, inputs in (
        ("serving_default", {"image": grey[:0]}),
        ("serving_default", {"image": grey * np.float32(np.inf)}),
        ("serving_default", {"image": grey.astype(np.float64)}),
        ("serving_default", {"image": grey, "strength": np.float32(1)}),
        ("serving_default", {}),
        ("serving_default", {"image": files}),
        ("deblur_bytes", {"image_bytes": np.zeros(0, object)}),
        ("deblur_bytes", {"image_bytes": files, "image": grey}),
        ("deblur_bytes", {"image_bytes": grey}),
        ("deblur_bytes", {"image_bytes": files[0]}),
    ):
        with pytest.raises(grpc.RpcError) as raised:
            predict(signature, **inputs)
        assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT, inputs
    answer = predict("deblur_bytes", image_bytes=files)
    (png,) = tf.make_ndarray(answer.outputs["restored_bytes"])
    assert_restored(png, expected, image)
    channel.close()


# === REST ===


@pytest.fixture(scope="module")
def rest_server(version, tmp_path_factory):
    """Address of a KServe server of a process of its own."""
    pytest.importorskip("kserve", reason="the REST server of these tests")
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("kserve") / "log.txt"
    script = Path(__file__).with_name("kserve_server.py")
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, script, version, str(port)],
            stdout=file,
            stderr=file,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    address = f"http://localhost:{port}"
    try:
        while True:
            assert process.poll() is None, log.read_text()[-3000:]
            try:
                requests.get(f"{address}/v1/models/egnet", timeout=5)
                break
            except requests.ConnectionError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def test_rest_survives_bad_requests_between_good_ones(rest_server, image, expected):
    from export.serving.rest_client import deblur

    address = f"{rest_server}/v1/models/egnet:predict"
    for number, (bad, word) in enumerate(bad_files(image)):
        with pytest.raises(InputError, match=f"(?s)400.*{word}"):
            deblur(bad, rest_server, "egnet", retries=0)
        if number % 10 == 0:
            assert_restored(
                deblur(file_of(image), rest_server, "egnet"), expected, image
            )
    for body in (
        '{"signature_name": "deblur_bytes", "instances": [{"b64": "no base64!"}]}',
        '{"signature_name": "deblur_bytes", "instances": ["text"]}',
        '{"signature_name": "no_such", "instances": [1]}',
        '{"instances": [[[0.5, 0.5, 0.5]]]}',
        '{"instances": [[[[0.5, NaN, 0.5]]]]}',
        '{"instances": [[[[0.5, Infinity, 0.5]]]]}',
        '{"instances": [[[[0.5, 1e300, 0.5]]]]}',
        '{"instances": []}',
        '{"signature_name": "deblur_bytes", "instances": []}',
        '{"instances": [{"image": [[[0.5, 0.5, 0.5]]], "strength": 1}]}',
        '{"instances": [{"strength": 1}]}',
        '{"instances": ' + "[" * 1000 + "0.5" + "]" * 1000 + "}",
        '{"instances": ' + "[" * 100_000 + "}",
        "{}",
        "no JSON",
    ):
        answer = requests.post(address, data=body, timeout=60)
        assert 400 <= answer.status_code < 600 and answer.json()["error"]
    assert_restored(deblur(file_of(image), rest_server, "egnet"), expected, image)
    plain = requests.post(
        address, json={"instances": [(image / 255).tolist()]}, timeout=60
    )
    (restored,) = plain.json()["predictions"]
    np.testing.assert_allclose(255 * np.array(restored), expected, atol=0.51)


def test_client_restores_a_photo_by_either_protocol(
    rest_server, grpc_server, image, expected, tmp_path
):
    photo = tmp_path / "photo.png"
    photo.write_bytes(file_of(image))
    for server in (rest_server, f"grpc://{grpc_server}"):
        words = (photo, f"--server={server}", "--overwrite")
        done = command("export.serving.client", *words)
        assert done.returncode == 0, done.stderr
        restored = (tmp_path / "photo_restored.png").read_bytes()
        assert_restored(restored, expected, image)
