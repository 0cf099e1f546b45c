"""Which photos to restore and where to: files, and folders with all below them."""

from __future__ import annotations

import collections
import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from egnet_tf.errors import InputError
from egnet_tf.images.find import search
from egnet_tf.images.read import DEFAULT_MAX_PIXELS, Photo, read_photo
from egnet_tf.images.write import (
    check_fits,
    check_suffix,
    writable_suffixes,
    write_photo,
)
from egnet_tf.inference.restorer import Restorer
from egnet_tf.inference.sharpness import SharpnessWatch

_SMALL = 512 * 512
"""Photos of at most this many pixels are restored in batches: larger ones fill a
forward pass on their own and would only wait in memory."""


class Job(NamedTuple):
    """A photo to restore."""

    source: Path
    target: Path


class Work(NamedTuple):
    """What is to be done.

    Attributes:
        jobs: the photos, in order.
        failed: what cannot be restored, with the reason.
        left_out: how many entries of folders are no photos of their own, by kind; see
            `egnet_tf.images.find.Found`.
    """

    jobs: list[Job]
    failed: dict[Path, str]
    left_out: dict[str, int]


def find_jobs(
    sources: Sequence[Path],
    output: Path | None,
    *,
    into_folder: bool = False,
    overwrite: bool = False,
) -> Work:
    """Finds the photos of files and folders, each real file once.

    Args:
        sources: images, and folders: all images below them
            (`egnet_tf.images.find.search`).
        output: for one image, a file or a folder; for one folder, a folder, in which
            the sub-folders are kept; for several, a folder for all of them. By default
            `<name>_restored` beside each. Suffixes that are read but not written get
            `.png` added, and names that get too long are cut.
        into_folder: whether the output of one image is a folder although it is not
            there yet.
        overwrite: whether files that exist may be replaced; never those of `sources`.

    Raises:
        InputError: no images in a folder, a suffix that is not written, two sources
            for one output, or an output that exists or is a source.
    """
    several = len(sources) > 1
    if output is not None and (several or into_folder) and output.is_file():
        raise InputError(f"Expected a folder as the output. Received: {output}")
    into_folder = into_folder or several or (output is not None and output.is_dir())
    jobs: list[Job] = []
    failed: dict[Path, str] = {}
    left_out: collections.Counter[str] = collections.Counter()
    seen: set[tuple[int, int]] = set()
    for source in sources:
        try:
            about = source.stat()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            failed[source] = (
                f"Expected an image or a folder. Received: {source} ({reason})"
            )
            continue
        if stat.S_ISDIR(about.st_mode):
            target = output or _beside(source)
            if several and output is not None:
                target = output / source.resolve().name
            found = _folder_jobs(source, target)
        else:
            job = Job(source, _file_target(source, output, into_folder))
            found = Work([job], {}, {})
        for job in found.jobs:
            about = job.source.stat()
            if about.st_ino and (about.st_dev, about.st_ino) in seen:
                left_out["a second name of an image"] += 1
                continue
            seen.add((about.st_dev, about.st_ino))
            jobs.append(job)
        failed.update(found.failed)
        left_out.update(found.left_out)
    _check_targets(jobs, overwrite=overwrite)
    return Work(jobs, failed, dict(left_out.most_common()))


def _check_targets(jobs: Sequence[Job], *, overwrite: bool) -> None:
    targets: dict[Path, Path] = {}
    for source, target in jobs:
        other = targets.setdefault(target, source)
        if other is not source:
            raise InputError(
                "Expected inputs of different names for one output folder. Received: "
                f"{other} and {source}"
            )
    existing = [job.target for job in jobs if os.path.lexists(job.target)]
    if existing:
        sources = {job.source.resolve() for job in jobs}
        for target in existing:
            if target.resolve() in sources:
                raise InputError(
                    f"Expected an output other than the input. Received: {target}"
                )
    if not overwrite:
        check_new(existing)


def check_new(targets: Iterable[Path]) -> None:
    """Checks that writing to the targets replaces nothing.

    Raises:
        InputError: one of them exists.
    """
    for target in targets:
        if os.path.lexists(target):
            raise InputError(
                "Expected an output that does not exist, --overwrite or "
                f"--skip_existing. Received: {target}"
            )


def restore_photos(
    restorer: Restorer,
    jobs: Sequence[Job],
    *,
    strength: float = 1.0,
    quality: int = 95,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    batch: int = 1,
    overwrite: bool = True,
    watch: SharpnessWatch | None = None,
    on_done: Callable[[int], object] = lambda count: None,
    on_tile: Callable[[int, int], None] | None = None,
) -> dict[Path, str]:
    """Restores photos in this order; one that fails does not keep the others from it.

    Opacity stays as it is. For `quality`, `max_pixels`, `strength` and `on_tile` see
    `write_photo`, `read_photo` and `Restorer`. Up to `batch` small photos in a row are
    restored together if they have the same size and type. `overwrite` is whether a
    file that is there by then may be replaced. `on_done` is called with how many more
    photos are done, restored or not. `watch` looks at each photo before and after, and
    may leave it out.

    Returns:
        The sources that failed, each with the reason, in the order of the jobs.
    """
    reasons: dict[Path, str] = {}

    @contextlib.contextmanager
    def noting(*failing: Job) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # One file never ends a folder.
            reasons.update((job.source, reason_of(error)) for job in failing)

    def read_groups() -> Iterator[list[tuple[Job, Photo]]]:
        group = []
        for job in jobs:
            photo, wanted = None, True
            with noting(job):
                photo = read_photo(job.source, max_pixels)
                check_fits(job.target, photo)
                check_computed(restorer, photo, max_pixels, job.source)
                if watch is not None:
                    wanted = watch.wants(job.source, photo.pixels)
            if job.source in reasons or not wanted:
                on_done(1)
                continue
            if group and (len(group) == batch or not _go_together(group[0][1], photo)):
                yield group
                group = []
            group.append((job, photo))
        if group:
            yield group

    for group in read_groups():
        with noting(*(job for job, _ in group)):
            pixels = [photo.pixels for _, photo in group]
            # A single photo is not copied but restored in place: it may be large.
            stack = pixels[0][None] if len(pixels) == 1 else np.stack(pixels)
            restored = restorer(stack, strength=strength, out=stack, on_tile=on_tile)
            for (job, photo), result in zip(group, restored, strict=True):
                with noting(job):
                    write_photo(
                        job.target,
                        replace(photo, pixels=result),
                        quality=quality,
                        overwrite=overwrite,
                    )
                    if watch is not None:
                        watch.restored(job.source, result)
        on_done(len(group))
    return {job.source: reasons[job.source] for job in jobs if job.source in reasons}


def _go_together(first: Photo, second: Photo) -> bool:
    one, other = first.pixels, second.pixels
    same = (one.shape, one.dtype) == (other.shape, other.dtype)
    return same and one.shape[0] * one.shape[1] <= _SMALL


def check_computed(
    restorer: Restorer, photo: Photo, max_pixels: int, source: Path
) -> None:
    """Checks the pixels that are computed: a thin image is padded to whole tiles.

    Raises:
        InputError: they are more than `max_pixels`, and twice those of the photo.
    """
    height, width = photo.pixels.shape[:2]
    tile = restorer.plan(height, width, photo.pixels.itemsize).tile
    padded = max(height, tile[0]) * max(width, tile[1])
    if padded > max(max_pixels, 2 * height * width):
        raise InputError(
            f"Expected at most {max_pixels} pixels in whole tiles of {tile[0]} x "
            f"{tile[1]}. Received: {width} x {height}, {source}"
        )


def _folder_jobs(source: Path, output: Path) -> Work:
    inside, outside = output.resolve(), source.resolve()
    if output.is_file() or inside == outside:
        raise InputError(
            f"Expected another folder as the output of {source}. Received: {output}"
        )
    found = search(source)
    photos = list(found.images.values())
    left_out = dict(found.left_out)
    if outside in inside.parents:  # What an earlier run wrote is not restored again.
        written = [path for path in photos if inside in path.resolve().parents]
        photos = [path for path in photos if path not in set(written)]
        if written:
            left_out["in the output folder"] = len(written)
    if not photos:
        there = [f"{path} ({reason})" for path, reason in found.unreadable.items()]
        there += [f"{count} {kind}" for kind, count in left_out.items()]
        raise InputError(
            f"Expected images in the folder {source}. "
            f"Received: {', '.join(there) or 'nothing'}"
        )
    jobs: dict[Path, Job] = {}
    for path in photos:
        wanted = target = writable(output / path.relative_to(source))
        number = 1
        while target in jobs:  # Of x.gif and x.gif.png, say.
            number += 1
            target = _named(wanted, f"{wanted.stem}_{number}{wanted.suffix}")
        jobs[target] = Job(path, target)
    return Work(list(jobs.values()), found.unreadable, left_out)


def _file_target(source: Path, output: Path | None, into_folder: bool) -> Path:
    if output is None:
        return writable(_beside(source))
    if into_folder:
        return writable(output / source.name)
    check_suffix(output)
    return output


def _beside(source: Path) -> Path:
    """Returns `<name>_restored` in the folder that the source lies in."""
    if source.name in ("", ".."):  # "." and the like.
        source = source.resolve()
    if not source.name:
        raise InputError(f"Expected --output for this folder. Received: {source}")
    if source.is_dir():
        return _named(source, f"{source.name}_restored")
    return _named(source, f"{source.stem}_restored{source.suffix}")


def writable(target: Path) -> Path:
    """The path itself if its format is written, else with .png added."""
    if target.suffix.lower() in writable_suffixes():
        return target
    return _named(target, f"{target.name}.png")


def _named(path: Path, name: str) -> Path:
    """The path with another name, cut in the middle if the file system needs it."""
    longest = 255
    with contextlib.suppress(AttributeError, OSError, ValueError):
        folder = next(x for x in (path.parent, *path.parent.parents) if x.is_dir())
        longest = os.pathconf(folder, "PC_NAME_MAX")
    if len(os.fsencode(name)) <= longest:
        return path.with_name(name)
    ending = re.search(r"(_restored|_\d+)?(\.[^.]{1,16})?$", name)
    ending = ending[0] if ending else ""
    kept = name.removesuffix(ending)
    while kept and len(os.fsencode(kept + ending)) > longest:
        kept = kept[:-1]
    return path.with_name(kept + ending)


def reason_of(error: Exception) -> str:
    """Why a file could not be restored, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return (
            f"{error.strerror}: {error.filename}" if error.filename else error.strerror
        )
    text = " ".join(str(error).split())
    if isinstance(error, (InputError, ArithmeticError)):
        return text
    return f"{type(error).__name__}: {text}"
