"""Files of Beam's file systems: finding, reading, writing once; and what failed."""

# Beam is in an environment of its own, and seldom in that of the type checker.
# pyright: reportMissingImports=false

from __future__ import annotations

import contextlib
import json
import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics

from egnet_tf.errors import InputError
from egnet_tf.images.find import is_clutter
from egnet_tf.inference.photos import reason_of

NAMESPACE = "egnet_tf"
"""Of the counters."""

UNFINISHED = ".unfinished"
"""The folder in the output in which files lie until they are complete."""

FAILED = "failed"
"""The tag of outputs that hold failures, and the counter of them."""


class Failure(NamedTuple):
    """A file that could not be restored.

    Attributes:
        path: where it was read, with escapes in the place of what is not UTF-8.
        reason: why, in one line.
    """

    path: str
    reason: str


class WriteFailures(beam.PTransform):
    """Writes a collection of `Failure` to one file, a JSON object on each line.

    The file is empty if nothing failed. Its keys are `path` and `reason`.
    """

    def __init__(self, path: str):
        super().__init__()
        self._path = path

    def expand(self, failures: beam.PCollection) -> beam.PCollection:
        """Builds the transform."""
        return (
            failures
            | beam.Map(lambda failure: json.dumps(failure._asdict()))
            | beam.combiners.ToList()
            | beam.Map(_write_lines, self._path)
        )


class Fallible(beam.DoFn):
    """A DoFn whose errors become `Failure`s."""

    def __init__(self):
        self._count = Metrics.counter(NAMESPACE, FAILED)

    def failed(self, path: str, error: Exception | str) -> beam.pvalue.TaggedOutput:
        """Counts a file that failed, and makes an output of it."""
        self._count.inc()
        reason = error if isinstance(error, str) else reason_of(error)
        safe = path.encode("utf-8", "backslashreplace").decode()
        reason = reason.encode("utf-8", "backslashreplace").decode()
        return beam.pvalue.TaggedOutput(FAILED, Failure(safe, reason))


@contextlib.contextmanager
def writing(folder: str, target: str) -> Iterator[BinaryIO]:
    """Opens a file below a folder: absent, old or complete at every moment."""
    unfinished = join(folder, f"{UNFINISHED}/{os.urandom(8).hex()}")
    with create(unfinished) as file:
        yield file
    parent = posixpath.dirname(target)
    if "://" not in target:
        os.makedirs(parent, exist_ok=True)
    elif target.startswith("hdfs://") and not FileSystems.exists(parent):
        with contextlib.suppress(OSError):  # Another worker has just made it.
            FileSystems.mkdirs(parent)
    FileSystems.rename([unfinished], [target])


def remove_unfinished(folder: str) -> None:
    """Deletes what lost workers left behind, after a job; see `WritePhotos`."""
    if "://" not in folder:
        shutil.rmtree(os.path.join(folder, UNFINISHED), ignore_errors=True)
        return
    with contextlib.suppress(OSError):  # There may be none.
        FileSystems.delete([join(folder, f"{UNFINISHED}/*")])


def split_pattern(pattern: str) -> tuple[str, str]:
    """A pattern as Beam takes it, and the folder that names are counted from.

    Local paths become absolute. A folder stands for all below it. Beam has no escape
    for special characters: those in the path of a local folder become `?`, and what
    else they fit is left out by the folder.

    Raises:
        InputError: nothing was given.
    """
    if not pattern:
        raise InputError("Expected a pattern or a folder. Received: nothing")
    local = "://" not in pattern
    is_folder = pattern.endswith("/")
    if local:
        pattern = os.path.abspath(pattern)
        is_folder = is_folder or os.path.isdir(pattern)
    if is_folder:
        root = pattern.rstrip("/") + "/"
        return (re.sub(r"[*?\[]", "?", root) if local else root) + "**", root
    root = posixpath.dirname(re.match(r"[^*?\[]*", pattern)[0])  # pyright: ignore
    return pattern, f"{root}/" if root and not root.endswith("/") else root


def names_below(path: str, root: str) -> Iterator[str]:
    """Yields the name of a file that was found, by forward slashes, if it counts.

    It is counted from the root of `split_pattern`. Hidden files and what systems leave
    behind do not count (`egnet_tf.images.find`).
    """
    if path.startswith(root):
        name = path[len(root) :].replace(os.sep, "/").lstrip("/")
        if not any(map(is_clutter, name.split("/"))):
            yield name


def is_inside(path: str, folder: str) -> bool:
    """Whether a file is below a folder."""
    return absolute(path).startswith(f"{absolute(folder)}/")


def absolute(path: str) -> str:
    """The one name of a file or folder, with forward slashes and none at the end."""
    local = "://" not in path
    return (os.path.realpath(path).replace(os.sep, "/") if local else path).rstrip("/")


def join(folder: str, name: str) -> str:
    """The path of a name in a folder."""
    return f"{folder.rstrip('/')}/{name}"


def opened(path: str) -> BinaryIO:
    """Opens a file to read its bytes as they are."""
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


def create(path: str) -> BinaryIO:
    """Opens a file to write its bytes as they are."""
    return FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)


def read_bytes(path: str) -> bytes:
    """The content of a file."""
    with opened(path) as file:
        return file.read()


@contextlib.contextmanager
def local_copy(path: str) -> Iterator[Path]:
    """Yields a local file: the file itself, or a copy that is deleted afterwards."""
    if "://" not in path:
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, f"copy{posixpath.splitext(path)[1]}")
        with opened(path) as file, copy.open("wb") as local:
            shutil.copyfileobj(file, local)
        yield copy


def _write_lines(lines: list[str], path: str) -> None:
    folder, _ = posixpath.split(path)
    with writing(folder, path) as file:
        file.write("".join(f"{line}\n" for line in sorted(lines)).encode())
