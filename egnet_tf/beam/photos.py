"""Restores photos: `ReadPhotos`, `RestorePhotos`, `WritePhotos`."""

# Beam is in an environment of its own, and seldom in that of the type checker.
# pyright: reportMissingImports=false

from __future__ import annotations

import dataclasses
import os
import posixpath
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
from apache_beam.io import fileio
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import ModelHandler, RunInference

from egnet_tf.beam.files import (
    FAILED,
    NAMESPACE,
    Fallible,
    is_inside,
    join,
    local_copy,
    names_below,
    read_bytes,
    split_pattern,
    writing,
)
from egnet_tf.errors import InputError
from egnet_tf.files import path_below
from egnet_tf.images.find import IMAGE_SUFFIXES, natural_order
from egnet_tf.images.read import (
    DEFAULT_MAX_PIXELS,
    Photo,
    check_file_size,
    decode_photo,
)
from egnet_tf.images.write import check_fits, encode_photo
from egnet_tf.inference.photos import check_computed, reason_of, writable
from egnet_tf.inference.resolve import installed_form, resolve
from egnet_tf.inference.restorer import Restorer
from egnet_tf.inference.video import VIDEO_SUFFIXES

_BATCH_PIXELS = 8 * 512 * 512
"""Photos are handed to the network until they have so many pixels together."""


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
            ).with_outputs(FAILED, main="photos")
        )
        return Photos(found["photos"], found[FAILED])


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
            FAILED, main="photos"
        )
        encoded = (
            decoded["photos"]
            | RunInference(self._handler)
            | beam.ParDo(_Encode(self._quality)).with_outputs(FAILED, main="photos")
        )
        failed = (decoded[FAILED], encoded[FAILED]) | beam.Flatten()
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
        ).with_outputs(FAILED, main="photos")
        return Photos(written["photos"], written[FAILED])


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
    """A Restorer for the threads of a worker process, which share it.

    Attributes:
        digest: tells its weights from others.
    """

    def __init__(self, restorer: Restorer, digest: str):
        self._restorer = restorer
        self.digest = digest
        # An interpreter of LiteRT is for one thread at a time.
        self._lock = threading.Lock()

    def __call__(self, images: np.ndarray, *, strength: float) -> np.ndarray:
        """Restores as a Restorer does."""
        with self._lock:
            return self._restorer(images, strength=strength)

    def check(self, photo: Photo, max_pixels: int, path: str) -> None:
        """See `egnet_tf.inference.photos.check_computed`."""
        check_computed(self._restorer, photo, max_pixels, Path(path))


def load_model(name: str, arguments: Mapping[str, Any]) -> Model:
    """Loads a model, from another file system by way of a temporary file."""
    import egnet_tf

    if "://" not in name:
        digest = installed_form(resolve(name)).digest()
        return Model(egnet_tf.load(name, **arguments), digest)
    with local_copy(name) as path:
        return Model(egnet_tf.load(path, **arguments), resolve(path).digest())


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
        """Loads the model."""
        return load_model(self._model, self._arguments)

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
        model.check(first.photo, self._max_pixels, first.path)
        pixels = [blurry.photo.pixels for blurry in group]
        stack = pixels[0][None] if len(pixels) == 1 else np.stack(pixels)
        restored = model(stack, strength=self._strength)
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
        self._root, self._output = root, output
        self._left_out = Metrics.counter(NAMESPACE, "left_out")

    def process(self, metadata: Any) -> Iterator[Any]:
        for name in names_below(metadata.path, self._root):
            suffix = posixpath.splitext(name)[1].lower()
            written = is_inside(metadata.path, self._output)
            if not written and suffix in IMAGE_SUFFIXES:
                target = writable(Path(name)).as_posix()
                # Bytes: names need not be UTF-8.
                place = os.fsencode(metadata.path), metadata.size_in_bytes
                yield os.fsencode(target), place
            elif written or suffix not in VIDEO_SUFFIXES:
                self._left_out.inc()


class _Read(Fallible):
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
            if self._skip and FileSystems.exists(join(self._output, name)):
                self._there.inc()
                return
            check_file_size(size, path, self._max_pixels)
            content = read_bytes(path)
        except Exception as error:
            yield self.failed(path, error)
            return
        yield PhotoFile(path, name, content)


class _Decode(Fallible):
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


class _Encode(Fallible):
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


class _Write(Fallible):
    def __init__(self, folder: str, overwrite: bool):
        super().__init__()
        self._folder, self._overwrite = folder, overwrite
        self._restored = Metrics.counter(NAMESPACE, "restored")
        self._pixels = Metrics.counter(NAMESPACE, "pixels")

    def process(self, file: PhotoFile) -> Iterator[Any]:
        target = join(self._folder, file.name)
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
            if read_bytes(target) == content:
                return
            raise InputError(
                "Expected an output that does not exist, --overwrite or "
                f"--skip_existing. Received: {target}"
            )
        with writing(self._folder, target) as file:
            file.write(content)
