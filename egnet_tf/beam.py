"""Restores photos on many machines with Apache Beam. Needs the extra `beam`.

    with beam.Pipeline() as pipeline:
        found = pipeline | ReadPhotos("gs://bucket/photos/**", output="gs://bucket/out")
        restored = found.photos | RestorePhotos("egnet_mobile")
        written = restored.photos | WritePhotos("gs://bucket/out")
        failed = (found.failed, restored.failed, written.failed) | beam.Flatten()
        failed | WriteFailures("gs://bucket/out/failed.jsonl")

`egnet_tf.deblur_many` is this pipeline as a command. Files are those of Beam's file
systems: local, gs://, s3://, hdfs:// and others. What cannot be restored becomes a
`Failure` and never ends the job. The results are those of `egnet_tf.deblur`, byte for
byte, where both run the same model on the same kind of processor.

Counters, in the namespace `egnet_tf`: `restored`, `failed`, `there_already` and
`left_out` count files, `pixels` those of the restored photos (a counter of Beam is a
whole number).
"""

# Beam is in an environment of its own, and seldom in that of the type checker.
# pyright: reportMissingImports=false

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import posixpath
import re
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
from apache_beam.io import fileio
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import ModelHandler, RunInference

from egnet_tf.errors import InputError
from egnet_tf.files import path_below
from egnet_tf.images.find import IMAGE_SUFFIXES, is_clutter, natural_order
from egnet_tf.images.read import (
    DEFAULT_MAX_PIXELS,
    Photo,
    check_file_size,
    decode_photo,
)
from egnet_tf.images.write import check_fits, encode_photo
from egnet_tf.inference.photos import check_computed, reason_of, writable
from egnet_tf.inference.restorer import Restorer

NAMESPACE = "egnet_tf"
"""Of the counters."""

UNFINISHED = ".unfinished"
"""The folder in the output in which files lie until they are complete."""

_BATCH_PIXELS = 8 * 512 * 512
"""Photos are handed to the network until they have so many pixels together."""

_FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class PhotoFile:
    """An image file on its way from one file system to another.

    Attributes:
        path: where it was read.
        name: where it goes, below the output folder.
        content: its bytes; before `RestorePhotos` blurry, afterwards restored.
        pixels: how many pixels were restored.
    """

    path: str
    name: str
    content: bytes
    pixels: int = 0

    # Beam's own coder of a dataclass refuses text that is not UTF-8, as names of files
    # may be; that of what pickles itself does not.
    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.name, self.content, self.pixels)


class Failure(NamedTuple):
    """A file that could not be restored.

    Attributes:
        path: where it was read, with escapes in the place of what is not UTF-8.
        reason: why, in one line.
    """

    path: str
    reason: str


class Photos(NamedTuple):
    """What a transform hands on, and what it could not.

    Attributes:
        photos: of `PhotoFile`, or of paths after `WritePhotos`.
        failed: of `Failure`.
    """

    photos: beam.PCollection
    failed: beam.PCollection


class ReadPhotos(beam.PTransform):
    """Finds and reads image files: the beginning of a pipeline -> `Photos`.

    A pattern has `*` for any part of a name, `**` for any part of a path, `?` for one
    character and `[...]` for one of several; a local folder stands for all below it.
    What counts as an image is as in `egnet_tf.images.find`, except that links to
    folders are not followed. Names are kept below the folder of the pattern, the part
    before its first special character; formats that are not written get `.png` added.
    Of several files with one name in the output the first in natural order is read,
    the others fail. Work is spread over the workers one file at a time.

    Args:
        pattern: which files.
        output: the folder that the results will go to. Its files are not read.
        skip_existing: leave out files whose result is there already.
        max_pixels: width x height above which a photo is refused, as in `read_photo`.
    """

    def __init__(
        self,
        pattern: str,
        *,
        output: str,
        skip_existing: bool = False,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ):
        super().__init__()
        self._pattern, self._root = split_pattern(pattern)
        self._output = output
        self._skip_existing = skip_existing
        self._max_pixels = max_pixels

    def expand(self, begin: Any) -> Photos:
        """Builds the transform."""
        found = (
            begin.pipeline
            | fileio.MatchFiles(self._pattern, fileio.EmptyMatchTreatment.ALLOW)
            | beam.ParDo(_Name(self._root, self._output))
            # Also spreads the files over the workers.
            | beam.GroupByKey()
            | beam.ParDo(
                _Read(self._output, self._skip_existing, self._max_pixels)
            ).with_outputs(_FAILED, main="photos")
        )
        return Photos(found["photos"], found[_FAILED])


class RestorePhotos(beam.PTransform):
    """Restores image files: a collection of `PhotoFile` -> `Photos`.

    Args:
        model: as in `egnet_tf.load`. A .tflite or .onnx file may be on any of Beam's
            file systems; anything else must be where the workers run. With .tflite
            files and with variants that come with the package, workers need no
            TensorFlow.
        strength: see `Restorer`.
        quality: of JPEG, WebP and AVIF files, 1 to 100.
        max_pixels: see `ReadPhotos`.
        arguments: further ones of `egnet_tf.load`, such as `tile`.
    """

    def __init__(
        self,
        model: str,
        *,
        strength: float = 1.0,
        quality: int = 95,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        arguments: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        self._handler = RestorerHandler(
            model, strength=strength, max_pixels=max_pixels, arguments=arguments
        )
        self._quality = quality
        self._max_pixels = max_pixels

    def expand(self, files: beam.PCollection) -> Photos:
        """Builds the transform."""
        decoded = files | beam.ParDo(_Decode(self._max_pixels)).with_outputs(
            _FAILED, main="photos"
        )
        encoded = (
            decoded["photos"]
            | RunInference(self._handler)
            | beam.ParDo(_Encode(self._quality)).with_outputs(_FAILED, main="photos")
        )
        failed = (decoded[_FAILED], encoded[_FAILED]) | beam.Flatten()
        return Photos(encoded["photos"], failed)


class WritePhotos(beam.PTransform):
    """Writes restored files into a folder: of `PhotoFile` -> `Photos` of paths.

    A file is written under a temporary name and renamed, so that it is absent or
    complete at every moment, and once more with the same bytes if a runner repeats
    its work. A file that is there with other bytes fails.

    Args:
        folder: on any of Beam's file systems.
        overwrite: replace files that are there.
    """

    def __init__(self, folder: str, *, overwrite: bool = False):
        super().__init__()
        self._folder, self._overwrite = folder, overwrite

    def expand(self, files: beam.PCollection) -> Photos:
        """Builds the transform."""
        written = files | beam.ParDo(
            _Write(self._folder, self._overwrite)
        ).with_outputs(_FAILED, main="photos")
        return Photos(written["photos"], written[_FAILED])


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


@dataclasses.dataclass(frozen=True)
class Blurry:
    """A decoded photo with the names of its file, see `PhotoFile`."""

    path: str
    name: str
    photo: Photo

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.name, self.photo)


@dataclasses.dataclass(frozen=True)
class Restored:
    """What became of a photo: pixels (H, W, 3) or the reason why there are none."""

    blurry: Blurry
    pixels: np.ndarray | None
    reason: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.blurry, self.pixels, self.reason)


class Model:
    """A Restorer with the lock of the threads that share it."""

    def __init__(self, restorer: Restorer):
        self.restorer = restorer
        # One interpreter of LiteRT is for one thread at a time.
        self.lock = threading.Lock()


class RestorerHandler(ModelHandler[Blurry, Restored, Model]):
    """Runs a `Restorer` in Beam's `RunInference`; one copy of it in a worker process.

    Beam's own handlers cannot load SavedModels of Keras 3. Photos of equal size and
    type in a batch go through the network together. (Beam's batches by length would
    send the pixels over the network to be sorted.)

    Args:
        model: see `RestorePhotos`.
        strength: see `Restorer`.
        max_pixels: see `ReadPhotos`.
        arguments: further ones of `egnet_tf.load`.
    """

    def __init__(
        self,
        model: str,
        *,
        strength: float = 1.0,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        arguments: Mapping[str, Any] | None = None,
    ):
        super().__init__(
            min_batch_size=_BATCH_PIXELS,
            max_batch_size=_BATCH_PIXELS,
            element_size_fn=_pixels_of,
        )
        self._model = model
        self._strength = strength
        self._max_pixels = max_pixels
        self._arguments = dict(arguments or {})

    def load_model(self) -> Model:
        """Loads the model, from another file system by way of a temporary file."""
        import egnet_tf

        if "://" not in self._model:
            return Model(egnet_tf.load(self._model, **self._arguments))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"model{posixpath.splitext(self._model)[1]}")
            path.write_bytes(_read_bytes(self._model))
            return Model(egnet_tf.load(path, **self._arguments))

    def run_inference(
        self,
        batch: Sequence[Blurry],
        model: Model,
        inference_args: dict[str, Any] | None = None,
    ) -> Iterable[Restored]:
        """Restores photos; one that cannot be does not keep the others from it."""
        groups: dict[tuple[Any, ...], list[Blurry]] = {}
        for blurry in batch:
            pixels = blurry.photo.pixels
            groups.setdefault((pixels.shape, pixels.dtype), []).append(blurry)
        for group in groups.values():
            try:
                yield from self._restore(group, model)
            except Exception as error:  # One file never ends a job.
                for blurry in group:
                    yield Restored(blurry, None, reason_of(error))

    def _restore(self, group: list[Blurry], model: Model) -> list[Restored]:
        first = group[0]
        check_computed(model.restorer, first.photo, self._max_pixels, Path(first.path))
        pixels = [blurry.photo.pixels for blurry in group]
        stack = pixels[0][None] if len(pixels) == 1 else np.stack(pixels)
        with model.lock:
            restored = model.restorer(stack, strength=self._strength)
        return [Restored(*pair) for pair in zip(group, restored, strict=True)]

    def get_num_bytes(self, batch: Sequence[Blurry]) -> int:
        """The bytes of a batch, for Beam's metrics, which would pickle it otherwise."""
        return sum(blurry.photo.pixels.nbytes for blurry in batch)

    def get_metrics_namespace(self) -> str:
        """Of the metrics of `RunInference`."""
        return NAMESPACE


def _pixels_of(blurry: Blurry) -> int:
    return int(np.prod(blurry.photo.pixels.shape[:2]))


class _Name(beam.DoFn):
    """File metadata -> (name in the output, (natural order, path, bytes))."""

    def __init__(self, root: str, output: str):
        self._root, self._output = root, absolute(output)
        self._left_out = Metrics.counter(NAMESPACE, "left_out")

    def process(self, metadata: Any) -> Iterator[Any]:
        path = metadata.path
        if not path.startswith(self._root):  # See `split_pattern`.
            return
        name = path[len(self._root) :].replace(os.sep, "/").lstrip("/")
        parts = name.split("/")
        if any(is_clutter(part) for part in parts):
            return
        suffix = posixpath.splitext(name)[1].lower()
        inside = absolute(path).startswith(f"{self._output}/")
        if inside or suffix not in IMAGE_SUFFIXES:
            self._left_out.inc()
            return
        target = writable(Path(name)).as_posix()
        # Bytes: names need not be UTF-8.
        yield os.fsencode(target), (os.fsencode(path), metadata.size_in_bytes)


class _Fallible(beam.DoFn):
    """A DoFn whose errors become `Failure`s."""

    def __init__(self):
        self._count = Metrics.counter(NAMESPACE, _FAILED)

    def failed(self, path: str, error: Exception | str) -> beam.pvalue.TaggedOutput:
        """Counts a file that failed, and makes an output of it."""
        self._count.inc()
        reason = error if isinstance(error, str) else reason_of(error)
        safe = path.encode("utf-8", "backslashreplace").decode()
        reason = reason.encode("utf-8", "backslashreplace").decode()
        return beam.pvalue.TaggedOutput(_FAILED, Failure(safe, reason))


class _Read(_Fallible):
    def __init__(self, output: str, skip_existing: bool, max_pixels: int):
        super().__init__()
        self._output, self._skip = output, skip_existing
        self._max_pixels = max_pixels
        self._there = Metrics.counter(NAMESPACE, "there_already")

    def process(self, group: tuple[bytes, Iterable[Any]]) -> Iterator[Any]:
        name = os.fsdecode(group[0])
        files = [(os.fsdecode(path), size) for path, size in group[1]]
        files.sort(key=lambda file: natural_order(file[0]))
        (path, size), *others = files
        for other, _ in others:
            yield self.failed(
                other,
                "Expected inputs of different names for one output folder. "
                f"Received: {path} and {other}",
            )
        try:
            path_below(Path(self._output), name)
            if self._skip and FileSystems.exists(_join(self._output, name)):
                self._there.inc()
                return
            check_file_size(size, path, self._max_pixels)
            content = _read_bytes(path)
        except Exception as error:
            yield self.failed(path, error)
            return
        yield PhotoFile(path, name, content)


class _Decode(_Fallible):
    def __init__(self, max_pixels: int):
        super().__init__()
        self._max_pixels = max_pixels

    def process(self, file: PhotoFile) -> Iterator[Any]:
        try:
            photo = decode_photo(file.content, file.path, self._max_pixels)
            check_fits(file.name, photo)
        except Exception as error:
            yield self.failed(file.path, error)
            return
        yield Blurry(file.path, file.name, photo)


class _Encode(_Fallible):
    def __init__(self, quality: int):
        super().__init__()
        self._quality = quality

    def process(self, restored: Restored) -> Iterator[Any]:
        blurry, pixels = restored.blurry, restored.pixels
        if pixels is None:
            yield self.failed(blurry.path, restored.reason)
            return
        try:
            photo = dataclasses.replace(blurry.photo, pixels=pixels)
            content = encode_photo(photo, blurry.name, quality=self._quality)
        except Exception as error:
            yield self.failed(blurry.path, error)
            return
        yield PhotoFile(blurry.path, blurry.name, content, _pixels_of(blurry))


class _Write(_Fallible):
    def __init__(self, folder: str, overwrite: bool):
        super().__init__()
        self._folder, self._overwrite = folder, overwrite
        self._restored = Metrics.counter(NAMESPACE, "restored")
        self._pixels = Metrics.counter(NAMESPACE, "pixels")

    def process(self, file: PhotoFile) -> Iterator[Any]:
        target = _join(self._folder, file.name)
        try:
            self._write(target, file.content)
        except Exception as error:
            yield self.failed(file.path, error)
            return
        self._restored.inc()
        self._pixels.inc(file.pixels)
        yield os.fsencode(target)

    def _write(self, target: str, content: bytes) -> None:
        if FileSystems.exists(target) and not self._overwrite:
            # By a worker that was lost before the runner knew that it was done.
            if _same(target, content):
                return
            raise InputError(
                "Expected an output that does not exist, --overwrite or "
                f"--skip_existing. Received: {target}"
            )
        write_bytes(self._folder, target, content)


def write_bytes(folder: str, target: str, content: bytes) -> None:
    """Writes a file below a folder: absent, old or complete at every moment."""
    unfinished = _join(folder, f"{UNFINISHED}/{os.urandom(8).hex()}")
    _create(unfinished, content)
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
        FileSystems.delete([_join(folder, f"{UNFINISHED}/*")])


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


def absolute(path: str) -> str:
    """The one name of a file or folder, with forward slashes and none at the end."""
    local = "://" not in path
    return (os.path.realpath(path).replace(os.sep, "/") if local else path).rstrip("/")


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _read_bytes(path: str) -> bytes:
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        return file.read()


def _create(path: str, content: bytes) -> None:
    with FileSystems.create(
        path, compression_type=CompressionTypes.UNCOMPRESSED
    ) as file:
        file.write(content)


def _same(path: str, content: bytes) -> bool:
    return _read_bytes(path) == content


def _write_lines(lines: list[str], path: str) -> None:
    folder, _ = posixpath.split(path)
    write_bytes(folder, path, "".join(f"{line}\n" for line in sorted(lines)).encode())
