"""A client of TensorFlow Serving's gRPC protocol."""

from __future__ import annotations

import json

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from egnet_tf.errors import InputError
from egnet_tf.trial import one_line

from .answer import MESSAGE_BYTES, check_request, checked_answer


def deblur(
    image: bytes,
    server: str,
    model: str,
    label: str = "",
    timeout: float = 60.0,
    retries: int = 3,
) -> bytes:
    """Restores an image file by PredictionService.Predict.

    Args:
        image: a JPEG or PNG file.
        server: host and port, such as "localhost:8500".
        model: its name on the server.
        label: of the version, such as "stable"; empty for the newest.
        timeout: of all attempts together, in seconds.
        retries: further attempts when the server cannot be reached; the pauses
            between them double, from half a second. gRPC makes at most 4.

    Returns:
        The restored image as a PNG file.

    Raises:
        InputError: the server cannot be reached or refuses the request, or its answer
            is not an image or too large.
    """
    check_request(image)
    policy = {
        "maxAttempts": min(retries, 4) + 1,
        "initialBackoff": "0.5s",
        "maxBackoff": "8s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    # gRPC refuses a policy of fewer than two attempts.
    method = {"name": [{}], **({"retryPolicy": policy} if retries > 0 else {})}
    request = predict_pb2.PredictRequest()  # pyright: ignore[reportAttributeAccessIssue]
    request.model_spec.name = model
    request.model_spec.signature_name = "deblur_bytes"
    if label:
        request.model_spec.version_label = label
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([image]))
    options = [
        ("grpc.max_receive_message_length", MESSAGE_BYTES),
        ("grpc.max_send_message_length", MESSAGE_BYTES),
        ("grpc.service_config", json.dumps({"methodConfig": [method]})),
    ]
    with grpc.insecure_channel(server, options) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        try:
            answer = stub.Predict(request, timeout=timeout)
        except grpc.RpcError as error:
            raise InputError(
                f"Expected {server} to restore the image. Received: "
                f"{error.code().name} {' '.join((error.details() or '').split())[:500]}"
            ) from error
        except ValueError as error:  # An address that gRPC cannot parse.
            raise InputError(
                f"Expected the address of a server. Received: {server} "
                f"({one_line(error)})"
            ) from error
    try:
        (restored,) = answer.outputs["restored_bytes"].string_val
    except ValueError:
        raise InputError(
            f"Expected one image from {server}. Received: outputs "
            f"{sorted(answer.outputs)}"
        ) from None
    return checked_answer(restored, server)
