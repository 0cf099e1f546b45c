"""Which photos to restore and where to: a file, or a folder with all below it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from egnet_tf.errors import InputError
from egnet_tf.images.find import find_images
from egnet_tf.images.read import DEFAULT_MAX_PIXELS, Photo, read_photo
from egnet_tf.images.write import (
    check_fits,
    check_suffix,
    writable_suffixes,
    write_photo,
)
from egnet_tf.inference.restorer import Restorer

_SMALL = 512 * 512
"""Photos of at most this many pixels are restored in batches: larger ones fill a
forward pass on their own and would only wait in memory."""


class Job(NamedTuple):
    """A photo to restore."""

    source: Path
    target: Path


def find_jobs(
    source: Path, output: Path | None, *, overwrite: bool = False
) -> list[Job]:
    """Returns the photos of a file or folder.

    Args:
        source: an image, or a folder: all images below it (`find_images`).
        output: for an image, a file or an existing folder; for a folder, a folder,
            in which the sub-folders are kept. By default `<name>_restored` beside the
            source. Suffixes that are read but not written get `.png` added.
        overwrite: whether files that exist may be replaced; never those of `source`.

    Raises:
        InputError: no such source, no images in it, a suffix that is not written, or
            an output that exists or is a source.
    """
    if source.is_dir():
        jobs = _folder_jobs(source, output or _beside(source))
    elif source.exists():
        jobs = [Job(source, _file_target(source, output))]
    else:
        raise InputError(f"Expected an image or a folder. Received: {source}")
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
    return jobs


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
    quality: int = 95,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    batch: int = 1,
    on_done: Callable[[int], object] = lambda count: None,
    on_tile: Callable[[int, int], None] | None = None,
) -> dict[Path, str]:
    """Restores photos in this order; one that fails does not keep the others from it.

    Opacity stays as it is. For `quality`, `max_pixels` and `on_tile` see `write_photo`,
    `read_photo` and `Restorer`. Up to `batch` small photos in a row are restored
    together if they have the same size and type. `on_done` is called with how many more
    photos are done, restored or not.

    Returns:
        The sources that failed, each with the reason, in the order of the jobs.
    """
    reasons: dict[Path, str] = {}

    @contextlib.contextmanager
    def noting(*failing: Job) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # One file never ends a folder.
            reasons.update((job.source, _reason(error)) for job in failing)

    def read_groups() -> Iterator[list[tuple[Job, Photo]]]:
        group = []
        for job in jobs:
            photo = None
            with noting(job):
                photo = read_photo(job.source, max_pixels)
                check_fits(job.target, photo)
            if job.source in reasons:
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
            restored = restorer(stack, out=stack, on_tile=on_tile)
            for (job, photo), result in zip(group, restored, strict=True):
                with noting(job):
                    write_photo(
                        job.target, replace(photo, pixels=result), quality=quality
                    )
        on_done(len(group))
    return {job.source: reasons[job.source] for job in jobs if job.source in reasons}


def _go_together(first: Photo, second: Photo) -> bool:
    one, other = first.pixels, second.pixels
    same = (one.shape, one.dtype) == (other.shape, other.dtype)
    return same and one.shape[0] * one.shape[1] <= _SMALL


def _folder_jobs(source: Path, output: Path) -> list[Job]:
    inside, outside = output.resolve(), source.resolve()
    if output.is_file() or inside == outside:
        raise InputError(
            f"Expected another folder as the output of {source}. Received: {output}"
        )
    photos = find_images(source).values()
    if outside in inside.parents:  # What an earlier run wrote is not restored again.
        photos = [path for path in photos if inside not in path.resolve().parents]
    if not photos:
        raise InputError(f"Expected images in the folder. Received: {source}")
    jobs: dict[Path, Job] = {}
    for path in photos:
        target = _writable(output / path.relative_to(source))
        while target in jobs:  # Of x.gif and x.gif.png, say.
            target = target.with_name(f"{target.name}.png")
        jobs[target] = Job(path, target)
    return list(jobs.values())


def _file_target(source: Path, output: Path | None) -> Path:
    if output is None:
        return _writable(_beside(source))
    if output.is_dir():
        return _writable(output / source.name)
    check_suffix(output)
    return output


def _beside(source: Path) -> Path:
    """Returns `<name>_restored` in the folder that the source lies in."""
    if source.name in ("", ".."):  # "." and the like.
        source = source.resolve()
    if not source.name:
        raise InputError(f"Expected --output for this folder. Received: {source}")
    if source.is_dir():
        return source.with_name(f"{source.name}_restored")
    return source.with_name(f"{source.stem}_restored{source.suffix}")


def _writable(target: Path) -> Path:
    if target.suffix.lower() in writable_suffixes():
        return target
    return target.with_name(f"{target.name}.png")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return (
            f"{error.strerror}: {error.filename}" if error.filename else error.strerror
        )
    text = " ".join(str(error).split())
    if isinstance(error, (InputError, ArithmeticError)):
        return text
    return f"{type(error).__name__}: {text}"
