"""Deblurs a photo on a server: python -m export.serving.client photo.jpg.

--server=http://localhost:8501   REST
--server=grpc://localhost:8500   gRPC

Needs the extra `serving`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from absl import flags

from egnet_tf.cli import app
from egnet_tf.errors import InputError
from egnet_tf.files import replacing
from export.command import require_extra
from export.serving.image_file import image_file

POSITIONAL = "input"


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command."""
    flags.DEFINE_string("input", None, "The photo.", flag_values=values)
    flags.DEFINE_string(
        "output",
        None,
        "The restored PNG file; the default is <photo>_restored.png beside the photo.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "server",
        "http://localhost:8501",
        "The address of the server: http:// or https:// for REST, grpc:// for gRPC.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "model", "egnet", "The model's name on the server.", flag_values=values
    )
    flags.DEFINE_string(
        "label",
        None,
        "The label of a version, such as stable; the default is the newest version.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "timeout",
        60.0,
        "The time to wait for an answer, in seconds.",
        lower_bound=0.1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "retries",
        3,
        "The number of further attempts when the server is busy or cannot be reached.",
        lower_bound=0,
        flag_values=values,
    )


def main(values: flags.FlagValues) -> None:
    """Sends the photo and writes the restored image."""
    if not values.input:
        raise InputError("Expected a photo. Received: none")
    source = Path(values.input)
    target = Path(values.output or source.with_name(f"{source.stem}_restored.png"))
    if target.suffix.lower() != ".png":
        raise InputError(f"Expected an output that ends in .png. Received: {target}")
    photo = image_file(source)
    restored = _client(values).deblur(photo)
    with replacing(target) as unfinished:
        unfinished.write_bytes(restored)
    print(target)


class _Client(Protocol):
    def deblur(self, image: bytes) -> bytes: ...


def _client(values: flags.FlagValues) -> _Client:
    scheme, _, host = values.server.partition("://")
    options = (values.model, values.label, values.timeout, values.retries)
    if scheme in ("http", "https"):
        require_extra("serving", "requests")
        from export.serving.rest_client import RestClient

        return RestClient(values.server, *options)
    if scheme == "grpc":
        require_extra("serving", "grpc", "tensorflow_serving")
        from export.serving.grpc_client import GrpcClient

        return GrpcClient(host, *options)
    raise InputError(
        f"Expected a server of http://, https:// or grpc://. Received: {values.server}"
    )


if __name__ == "__main__":
    app.run(define_flags, main, POSITIONAL)
