"""Deblurs a photo on a server: python -m export.serving.client photo.jpg.

--server=http://localhost:8501   REST
--server=grpc://localhost:8500   gRPC
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from egnet_tf.cli import app
from egnet_tf.errors import InputError
from egnet_tf.files import replacing
from export.serving.image_file import image_file

_INPUT = flags.DEFINE_string("input", None, "the photo")
_OUTPUT = flags.DEFINE_string(
    "output", None, "the restored PNG; by default <photo>_restored.png beside it"
)
_SERVER = flags.DEFINE_string(
    "server", "http://localhost:8501", "http://, https:// (REST) or grpc://"
)
_MODEL = flags.DEFINE_string("model", "egnet", "its name on the server")
_LABEL = flags.DEFINE_string("label", None, "of the version, such as stable")
_TIMEOUT = flags.DEFINE_float("timeout", 60.0, "seconds for an answer", 0.1)
_RETRIES = flags.DEFINE_integer(
    "retries", 3, "further attempts when the server is busy or away", 0
)


def main() -> None:
    """Sends the photo and writes what comes back."""
    if not _INPUT.value:
        raise InputError("Expected a photo. Received: none")
    source = Path(_INPUT.value)
    target = Path(_OUTPUT.value or source.with_name(f"{source.stem}_restored.png"))
    if target.suffix.lower() != ".png":
        raise InputError(f"Expected an output that ends in .png. Received: {target}")
    restored = _client().deblur(image_file(source))
    with replacing(target) as unfinished:
        unfinished.write_bytes(restored)
    print(target)


def _client():
    scheme, _, host = _SERVER.value.partition("://")
    options = (_MODEL.value, _LABEL.value, _TIMEOUT.value, _RETRIES.value)
    try:
        if scheme in ("http", "https"):
            from export.serving.rest_client import RestClient

            return RestClient(_SERVER.value, *options)
        if scheme == "grpc":
            from export.serving.grpc_client import GrpcClient

            return GrpcClient(host, *options)
    except ImportError as error:
        raise InputError(
            "Expected the libraries of the clients: pip install 'egnet-tf[serving]'. "
            f"Received: {error}"
        ) from error
    raise InputError(
        f"Expected a server of http://, https:// or grpc://. Received: {_SERVER.value}"
    )


if __name__ == "__main__":
    app.run(main, subject="input")
