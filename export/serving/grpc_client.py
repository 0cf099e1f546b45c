"""A client of TensorFlow Serving's gRPC protocol."""

from __future__ import annotations

import json

import grpc
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from export.serving.errors import ServerError

_MESSAGE_BYTES = 256 * 2**20
"""The most bytes of an answer. gRPC's own limit of 4 MB is less than the PNG of a
photograph of 2 megapixels may take."""


class GrpcClient:
    """Deblurs image files by PredictionService.Predict.

    Args:
        server: host and port, such as "localhost:8500".
        model: its name on the server.
        label: of the version, such as "stable"; None for the newest.
        timeout: seconds after which a request is given up.
        retries: further attempts when the server cannot be reached; the pauses
            between them double, from half a second. At most 4 (of gRPC).
    """

    def __init__(
        self,
        server: str,
        model: str,
        label: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
    ):
        self._server, self._model, self._label = server, model, label
        self._timeout = timeout
        policy = {
            "maxAttempts": min(retries, 4) + 1,
            "initialBackoff": "0.5s",
            "maxBackoff": "8s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        # Fewer than two attempts are no policy.
        method = {"name": [{}], **({"retryPolicy": policy} if retries > 0 else {})}
        channel = grpc.insecure_channel(
            server,
            options=[
                ("grpc.max_receive_message_length", _MESSAGE_BYTES),
                ("grpc.max_send_message_length", _MESSAGE_BYTES),
                ("grpc.service_config", json.dumps({"methodConfig": [method]})),
            ],
        )
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def deblur(self, image: bytes) -> bytes:
        """Sends a JPEG or PNG file, returns the restored image as a PNG file.

        Raises:
            ServerError: no server, no such model, or an image it does not take.
        """
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model
        request.model_spec.signature_name = "deblur_bytes"
        if self._label:
            request.model_spec.version_label = self._label
        one = tensor_shape_pb2.TensorShapeProto(
            dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)]
        )
        request.inputs["image_bytes"].CopyFrom(
            tensor_pb2.TensorProto(
                dtype=types_pb2.DT_STRING, tensor_shape=one, string_val=[image]
            )
        )
        try:
            answer = self._stub.Predict(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise ServerError(
                f"Expected {self._server} to restore the image. Received: "
                f"{error.code().name} {error.details()[:500]}"
            ) from error
        try:
            (restored,) = answer.outputs["restored_bytes"].string_val
        except ValueError:
            raise ServerError(
                f"Expected one image of {self._server}. Received: outputs "
                f"{sorted(answer.outputs)}"
            ) from None
        return restored
