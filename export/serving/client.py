"""Deblurs a photo on a server: python -m export.serving.client photo.jpg.

--server=http://localhost:8501   REST
--server=grpc://localhost:8500   gRPC

Needs the extra `serving`.
"""

from __future__ import annotations

import dataclasses
import functools
import io
from pathlib import Path

from absl.flags import FlagValues
from PIL import ExifTags, Image

from egnet_tf.cli import app, flags
from egnet_tf.errors import InputError, require
from egnet_tf.files import replacing
from egnet_tf.images.read import read_image
from egnet_tf.options import option

POSITIONAL = "input"


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of the command."""

    input: str = option("", "The photo. The name of this flag may be left out.")
    output: str = option(
        "", "The restored PNG file. By default <photo>_restored.png beside the photo."
    )
    server: str = option(
        "http://localhost:8501",
        "The address of the server: http:// or https:// for REST, grpc:// for gRPC.",
    )
    model: str = option("egnet", "The model's name on the server.")
    label: str = option(
        "", "The label of a version, such as stable. By default the newest version."
    )
    timeout: float = option(60.0, "Seconds to wait for an answer.", lower=0.1)
    retries: int = option(
        3,
        "Further attempts when the server is busy or cannot be reached.",
        lower=0,
    )


define_flags = functools.partial(flags.define, Options)


def main(values: FlagValues) -> None:
    """Sends the photo and writes the restored image."""
    options = flags.read(Options, values)
    if not options.input:
        raise InputError("Expected a photo. Received: nothing")
    source = Path(options.input)
    target = Path(options.output or source.with_name(f"{source.stem}_restored.png"))
    if target.suffix.lower() != ".png":
        raise InputError(f"Expected an output that ends in .png. Received: {target}")
    restored = _deblur(image_file(source), options)
    with replacing(target) as unfinished:
        unfinished.write_bytes(restored)
    print(target)


def image_file(path: Path) -> bytes:
    """Returns the photo's own bytes if a server reads them correctly, else a PNG file.

    Raises:
        InputError: it is no image, or a damaged one.
    """
    pixels = read_image(path)
    with Image.open(path) as image:
        # TensorFlow's decoder ignores the orientation.
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if image.format in ("JPEG", "PNG") and (image.mode, orientation) == ("RGB", 1):
            return path.read_bytes()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def _deblur(image: bytes, options: Options) -> bytes:
    scheme, _, host = options.server.partition("://")
    request = (options.model, options.label, options.timeout, options.retries)
    if scheme in ("http", "https"):
        require("requests")
        from . import rest_client

        return rest_client.deblur(image, options.server, *request)
    if scheme == "grpc":
        require("grpc", "tensorflow_serving")
        from . import grpc_client

        return grpc_client.deblur(image, host, *request)
    raise InputError(
        f"Expected a server of http://, https:// or grpc://. Received: {options.server}"
    )


if __name__ == "__main__":
    app.run(define_flags, main, POSITIONAL)
