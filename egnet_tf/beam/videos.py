"""Restores videos: `RestoreVideos`, in segments and by several workers each."""

# Beam is in an environment of its own, and seldom in that of the type checker.
# pyright: reportMissingImports=false

from __future__ import annotations

import contextlib
import math
import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.io import fileio
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.utils.shared import Shared

from egnet_tf.beam.files import (
    FAILED,
    NAMESPACE,
    UNFINISHED,
    Fallible,
    is_inside,
    join,
    local_copy,
    names_below,
    opened,
    split_pattern,
    writing,
)
from egnet_tf.beam.photos import load_model
from egnet_tf.errors import InputError, require
from egnet_tf.files import path_below
from egnet_tf.images.find import natural_order
from egnet_tf.inference.photos import reason_of
from egnet_tf.inference.video import VIDEO_SUFFIXES, video_target
from egnet_tf.inference.video_segments import (
    FRAMES,
    join_segments,
    restore_segments,
    segments_folder,
)


class Videos(NamedTuple):
    """What `RestoreVideos` made, and what it could not.

    Attributes:
        videos: of the paths of the restored videos.
        failed: of `Failure`.
    """

    videos: beam.PCollection
    failed: beam.PCollection


class RestoreVideos(beam.PTransform):
    """Restores video files: the beginning of a pipeline -> `Videos`.

    A video is cut into parts that workers restore side by side
    (`egnet_tf.inference.video_segments`); each decodes it from the beginning. The
    segments lie in the output until the last of them is there and one worker joins
    them; after an interruption they are not restored again. Needs the extra `video`.

    Args:
        pattern: which files, see `ReadPhotos`.
        model: see `RestorePhotos`.
        output: the folder to write. A format that is not written becomes another one.
        strength: see `Restorer`.
        parts: into how many parts a video is cut at most.
        skip_existing: leave out videos whose result is there already.
        overwrite: replace files that are there.
        arguments: further ones of `egnet_tf.load`.
    """

    def __init__(
        self,
        pattern: str,
        model: str,
        *,
        output: str,
        strength: float = 1.0,
        parts: int = 16,
        skip_existing: bool = False,
        overwrite: bool = False,
        arguments: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        self._pattern, self._root = split_pattern(pattern)
        self._output, self._parts = output, parts
        self._may_exist = skip_existing, overwrite
        self._model = model, strength, dict(arguments or {})

    def expand(self, begin: Any) -> Videos:
        """Builds the transform."""
        cut = (
            begin.pipeline
            | fileio.MatchFiles(self._pattern, fileio.EmptyMatchTreatment.ALLOW)
            | beam.FlatMap(_named, self._root, self._output)
            | beam.GroupByKey()
            | beam.ParDo(
                _Cut(self._output, self._parts, *self._may_exist)
            ).with_outputs(FAILED, main="parts")
        )
        joined = (
            cut["parts"]
            | beam.Reshuffle()
            | beam.ParDo(_RestorePart(self._output, *self._model))
            | "Gather" >> beam.GroupByKey()
            | beam.ParDo(_Join(self._output)).with_outputs(FAILED, main="videos")
        )
        return Videos(joined["videos"], (cut[FAILED], joined[FAILED]) | beam.Flatten())


def _named(metadata: Any, root: str, output: str) -> Iterator[Any]:
    """File metadata -> (name in the output without its suffix, (path, version))."""
    for name in names_below(metadata.path, root):
        stem, suffix = posixpath.splitext(name)
        is_written = is_inside(metadata.path, output)
        if suffix.lower() in VIDEO_SUFFIXES and not is_written:
            version = f"{metadata.size_in_bytes} {metadata.last_updated_in_seconds}"
            yield os.fsencode(stem), (os.fsencode(metadata.path), version)


class _Cut(Fallible):
    """Videos of one name -> ((path, name in the output, version), part, parts)."""

    def __init__(self, output: str, parts: int, skip_existing: bool, overwrite: bool):
        super().__init__()
        self._output, self._parts = output, parts
        self._skip, self._overwrite = skip_existing, overwrite
        self._there = Metrics.counter(NAMESPACE, "there_already")

    def process(self, group: tuple[bytes, Iterable[Any]]) -> Iterator[Any]:
        stem = os.fsdecode(group[0])
        videos = [(os.fsdecode(path), version) for path, version in group[1]]
        videos.sort(key=lambda video: natural_order(video[0]))
        taken: set[Path] = set()
        for path, version in videos:
            try:
                path_below(Path(self._output), stem)
                suffix, parts = self._look_at(path)
                name = stem + suffix
                if Path(name) in taken:  # Of clip.avi and clip.webm, as in deblur.
                    name = stem + posixpath.splitext(path)[1] + suffix
                taken.add(Path(name))
                target = join(self._output, name)
                if FileSystems.exists(target) and not self._overwrite:
                    if self._skip:
                        self._there.inc()
                        continue
                    raise InputError(
                        "Expected an output that does not exist, --overwrite or "
                        f"--skip_existing. Received: {target}"
                    )
            except Exception as error:
                yield self.failed(path, error)
                continue
            video = os.fsencode(path), os.fsencode(name), version
            yield from ((video, part, parts) for part in range(parts))

    def _look_at(self, path: str) -> tuple[str, int]:
        """The suffix of the result, and how many parts there are."""
        require("av")
        from egnet_tf.video.read import open_video

        with local_copy(path) as file, tempfile.TemporaryDirectory() as folder:
            suffix = video_target(file, Path(folder)).suffix
            with open_video(file) as video:
                segments = math.ceil(video.frame_count / FRAMES)
        return suffix, max(1, min(self._parts, segments))


class _RestorePart(beam.DoFn):
    """Restores the segments of a part -> (video, their number or what is wrong)."""

    def __init__(
        self, output: str, model: str, strength: float, arguments: dict[str, Any]
    ):
        self._output = output
        self._model, self._strength, self._arguments = model, strength, arguments
        self._shared = Shared()

    def setup(self) -> None:
        """Takes the one copy of the model in this process."""
        self._restorer = self._shared.acquire(
            lambda: load_model(self._model, self._arguments)
        )

    def process(self, element: tuple[Any, int, int]) -> Iterator[Any]:
        video, part, parts = element
        path, name, version = os.fsdecode(video[0]), os.fsdecode(video[1]), video[2]
        key = (
            f"{path} {version} {self._restorer.digest} {self._arguments} "
            f"{self._strength}"
        )
        folder = _segments(self._output, name, key)
        try:
            with local_copy(path) as file, _mirrored(folder) as (local, upload):
                count = restore_segments(
                    self._restorer,
                    file,
                    Path(name).suffix,
                    local,
                    shard=(part, parts),
                    strength=self._strength,
                    on_segment=upload,
                )
        except Exception as error:
            yield video, (0, folder, reason_of(error))
            return
        yield video, (count, folder, "")


class _Join(Fallible):
    def __init__(self, output: str):
        super().__init__()
        self._output = output
        self._restored = Metrics.counter(NAMESPACE, "restored")

    def process(self, group: tuple[Any, Iterable[Any]]) -> Iterator[Any]:
        video, parts = group
        path, name = os.fsdecode(video[0]), os.fsdecode(video[1])
        target = join(self._output, name)
        *_, (_, folder, _) = parts = list(parts)
        try:
            for _, _, reason in parts:
                if reason:
                    raise InputError(reason)
            with local_copy(path) as file, _mirrored(folder) as (local, _):
                self._join(file, local, target)
        except Exception as error:
            yield self.failed(path, error)
            return
        _remove(folder)
        self._restored.inc()
        yield os.fsencode(target)

    def _join(self, source: Path, segments: Path, target: str) -> None:
        if "://" not in target:
            join_segments(source, Path(target), segments)
            return
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder, f"joined{posixpath.splitext(target)[1]}")
            try:
                join_segments(source, local, segments)
            finally:  # Of a damaged video all that can be read is written.
                if local.exists():
                    with open(local, "rb") as file, writing(self._output, target) as to:
                        shutil.copyfileobj(file, to)


def _segments(output: str, name: str, key: str) -> str:
    folder = segments_folder(Path(name), key).name
    return join(output, f"{UNFINISHED}/{folder}")


@contextlib.contextmanager
def _mirrored(folder: str) -> Iterator[tuple[Path, Any]]:
    """Yields a local folder with the segments of another, and what uploads one."""
    if "://" not in folder:
        yield Path(folder), lambda path: None
        return
    with tempfile.TemporaryDirectory() as local:
        (found,) = FileSystems.match([join(folder, "*.npz")])
        for metadata in found.metadata_list:
            copy = Path(local, posixpath.basename(metadata.path))
            with opened(metadata.path) as file, copy.open("wb") as to:
                shutil.copyfileobj(file, to)

        def upload(path: Path) -> None:
            with (
                open(path, "rb") as file,
                writing(folder, join(folder, path.name)) as to,
            ):
                shutil.copyfileobj(file, to)

        yield Path(local), upload


def _remove(folder: str) -> None:
    if "://" not in folder:
        shutil.rmtree(folder, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        FileSystems.delete([join(folder, "*")])
