"""Deblurs photos on a server: python -m export.serving.client photo.jpg.

--server=http://localhost:8501   REST
--server=grpc://localhost:8500   gRPC

Of a folder all images in it and its sub-folders are restored, and transparency, colour
profile and EXIF data are kept as by `egnet_tf.deblur`. Needs the extra `serving`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from absl.flags import FlagValues
from tqdm import tqdm

from egnet_tf.cli import app, flags
from egnet_tf.deblur import report
from egnet_tf.errors import InputError, require
from egnet_tf.images.read import DEFAULT_MAX_PIXELS, read_photo
from egnet_tf.inference.photos import find_jobs, restore_photos
from egnet_tf.options import option

from .remote import RemoteRestorer

POSITIONAL = "input"


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of the command."""

    input: tuple[str, ...] = option(
        (),
        "An image, or a folder of images with its sub-folders. Without the name of "
        "this flag several may be given.",
        commas=False,
    )
    output: str = option(
        "",
        "File or folder to write, a folder if it ends in / or if there are several "
        "inputs. By default <name>_restored beside the input.",
    )
    server: str = option(
        "http://localhost:8501",
        "The address of the server: http:// or https:// for REST, grpc:// for gRPC.",
    )
    model: str = option("egnet", "The model's name on the server.")
    label: str = option(
        "", "The label of a version, such as stable. By default the newest version."
    )
    timeout: float = option(
        60.0, "Seconds to wait for an image, with all attempts.", lower=0.1
    )
    retries: int = option(
        3,
        "Further attempts when the server is busy or cannot be reached.",
        lower=0,
    )
    quality: int = option(
        95, "Quality of JPEG, WebP and AVIF files that are written.", lower=1, upper=100
    )
    max_pixels: int = option(
        DEFAULT_MAX_PIXELS,
        "Width times height above which an image is refused.",
        lower=1,
    )
    skip_existing: bool = option(
        False, "Leave out images whose output is there already."
    )
    overwrite: bool = option(False, "Replace outputs that exist, but never an input.")


define_flags = partial(flags.define, Options)


def main(values: FlagValues) -> int:
    """Sends the photos; returns 1 if anything failed or was left out."""
    options = flags.read(Options, values)
    if not all(options.input) or not options.input:
        raise InputError("Expected an image or a folder. Received: nothing")
    sources = [Path(os.path.expanduser(name)) for name in options.input]
    output = Path(os.path.expanduser(options.output)) if options.output else None
    work = find_jobs(
        sources,
        output,
        into_folder=options.output.endswith(("/", os.sep)),
        overwrite=options.overwrite or options.skip_existing,  # Skipped below.
    )
    if work.failed and not work.jobs:
        return report(work, work.failed)
    skip = options.skip_existing
    jobs = [job for job in work.jobs if not (skip and job.target.exists())]
    if len(jobs) == 1:
        # What is wrong with a single image is said before a server is asked.
        read_photo(jobs[0].source, options.max_pixels)
    restorer: Any = RemoteRestorer(_client(options))
    with tqdm(total=len(jobs), unit="photo", disable=None) as bar:
        reasons = restore_photos(
            restorer,
            jobs,
            quality=options.quality,
            max_pixels=options.max_pixels,
            overwrite=options.overwrite,
            on_done=bar.update,
        )
    for job in jobs:
        if job.source not in reasons:
            print(app.shown(job.target))
    return report(work, {**work.failed, **reasons})


def _client(options: Options) -> Callable[[bytes], bytes]:
    """What sends the bytes of an image file and returns those of the restored one."""
    scheme, _, host = options.server.partition("://")
    if scheme in ("http", "https") and host:
        require("requests")
        from . import rest_client

        deblur, server = rest_client.deblur, options.server
    elif scheme == "grpc" and host:
        require("grpc", "tensorflow_serving")
        from . import grpc_client

        deblur, server = grpc_client.deblur, host
    else:
        raise InputError(
            "Expected a server of http://, https:// or grpc://. "
            f"Received: {options.server}"
        )
    return partial(
        deblur,
        server=server,
        model=options.model,
        label=options.label,
        timeout=options.timeout,
        retries=options.retries,
    )


if __name__ == "__main__":
    app.run(define_flags, main, POSITIONAL)
