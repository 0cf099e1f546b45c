"""Writes SavedModels in the layout of TensorFlow Serving: <name>/<version>/."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from egnet_tf.images.convert import to_float

from .checks.checked_export import Export, image_description, write_checked
from .checks.parity import Tolerance
from .checks.served import SERVING, check_served
from .checks.source import Source
from .graphs.any_size import any_size_graph, size_multiple
from .graphs.frozen import SIGNATURE, write_saved_model
from .serving_signatures import BYTES_SIGNATURE, serving_signatures

TOLERANCE = Tolerance(1e-5, 0.001)
_WARMUP_SIDE = 64
"""Side of the warm-up images in pixels: what makes a first request slow does not depend
on the size."""


def write_version(source: Source, folder: Path, max_pixels: int) -> Export:
    """Writes the next version of a model into a folder of versions 1, 2, ...

    Requests for which more than `max_pixels` would be computed are refused, see
    `export.serving_signatures`.

    Raises:
        InputError: see `write_checked`.
    """
    restore = any_size_graph(source)
    requests = _warmup_requests(folder.resolve().name)

    def write(path: Path) -> None:
        signatures = serving_signatures(restore, max_pixels, size_multiple(source))
        write_saved_model(path, signatures)
        check_served(path)
        extra = path / "assets.extra"
        extra.mkdir()
        with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as file:
            for request in requests:
                file.write(request)

    image = image_description(None, None, None)
    files = {"shape": [None], "dtype": "string"}
    return write_checked(
        folder / str(_next_version(folder)),
        "SavedModel",
        write,
        source,
        TOLERANCE,
        {
            "signatures": {
                SIGNATURE: {"inputs": {"image": image}, "outputs": {"restored": image}},
                BYTES_SIGNATURE: {
                    "inputs": {"image_bytes": {**files, "content": "JPEG or PNG"}},
                    "outputs": {"restored_bytes": {**files, "content": "PNG"}},
                },
            },
            "max_pixels": max_pixels,
            "graph": {
                "producer": tf.version.GRAPH_DEF_VERSION,
                "read_by": f"TensorFlow Serving {SERVING} and later",
            },
        },
    )


def _next_version(folder: Path) -> int:
    if not folder.is_dir():
        return 1
    numbers = [int(p.name) for p in folder.iterdir() if p.name.isdecimal()]
    return max(numbers, default=0) + 1


def _warmup_requests(name: str) -> list[bytes]:
    """Records that TensorFlow Serving replays before it takes requests."""
    grey = np.full((_WARMUP_SIDE, _WARMUP_SIDE, 3), 128, np.uint8)
    inputs = {
        SIGNATURE: ("image", to_float(grey)[None]),
        BYTES_SIGNATURE: ("image_bytes", tf.io.encode_png(grey)[None].numpy()),
    }
    records = []
    for signature, (key, value) in inputs.items():
        request = predict_pb2.PredictRequest()  # pyright: ignore[reportAttributeAccessIssue]
        request.model_spec.name = name
        request.model_spec.signature_name = signature
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
        log = prediction_log_pb2.PredictionLog(  # pyright: ignore[reportAttributeAccessIssue]
            predict_log=prediction_log_pb2.PredictLog(request=request)  # pyright: ignore[reportAttributeAccessIssue]
        )
        records.append(log.SerializeToString())
    return records
