"""Which photographs to restore and where to: a file, or a folder with all below it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from egnet_tf.errors import InputError
from egnet_tf.images.read import DEFAULT_MAX_PIXELS, Photo, read_photo
from egnet_tf.images.write import (
    check_fits,
    check_suffix,
    writable_suffixes,
    write_photo,
)
from egnet_tf.inference.restorer import Restorer

_SMALL = 512 * 512
"""Pixels up to which photographs are restored in batches: larger ones fill a forward
pass on their own and would only wait in memory."""


_FAILURES = (InputError, OSError, ArithmeticError, MemoryError)


class Job(NamedTuple):
    """A photograph to restore."""

    source: Path
    target: Path


def find_jobs(source: Path, output: Path | None) -> list[Job]:
    """Returns the photographs of a file or folder, in the order of their paths.

    Args:
        source: an image, or a folder; of a folder all images below it, by their
            suffixes, without hidden ones.
        output: for an image, a file or an existing folder; for a folder, a folder,
            in which the sub-folders are kept. By default `<name>_restored` beside the
            source. Suffixes that are read but not written get `.png` added.

    Raises:
        InputError: no such source, no images in it, a suffix that is not written,
            or an output that would overwrite its source.
    """
    source = Path(source)
    if source.is_dir():
        output = output or source.with_name(f"{source.resolve().name}_restored")
        if output.is_file() or output.resolve() == source.resolve():
            raise InputError(
                f"Expected another folder as the output of {source}. Received: {output}"
            )
        jobs = [
            Job(path, _writable(output / path.relative_to(source)))
            for path in _images(source, without=output)
        ]
        if not jobs:
            raise InputError(f"Expected images in the folder. Received: {source}")
        return jobs
    if not source.exists():
        raise InputError(f"Expected an image or a folder. Received: {source}")
    if output is None:
        target = _writable(source.with_name(f"{source.stem}_restored{source.suffix}"))
    elif output.is_dir():
        target = _writable(output / source.name)
    else:
        target = output
        check_suffix(target)
    if target.resolve() == source.resolve():
        raise InputError(f"Expected an output beside the input. Received: {target}")
    return [Job(source, target)]


def restore_photos(
    restorer: Restorer,
    jobs: Sequence[Job],
    *,
    quality: int = 95,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    batch: int = 1,
    on_done: Callable[[int], None] = lambda count: None,
    on_tile: Callable[[int, int], None] | None = None,
) -> dict[Path, str]:
    """Restores photographs; one that fails does not keep the others from it.

    Args:
        restorer: restores the pixels; opacity stays as it is.
        jobs: what to restore, in this order.
        quality: see `write_photo`.
        max_pixels: see `read_photo`.
        batch: how many small photographs in a row are restored together if they have
            the same size and type.
        on_done: called with how many more photographs are through, restored or not.
        on_tile: see `Restorer`.

    Returns:
        The sources that failed, each with the reason, in the order of the jobs.
    """
    reasons: dict[Path, str] = {}

    @contextlib.contextmanager
    def noting(*failing: Job) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
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
            # A photo alone is not copied, and restored in its place: it may have 50
            # megapixels.
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


def _images(folder: Path, without: Path) -> list[Path]:
    """Returns the images below a folder, but not those of an earlier run's output."""
    Image.init()
    suffixes = {
        suffix
        for suffix, kind in Image.registered_extensions().items()
        if kind in Image.OPEN
    }
    without = without.resolve()
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in suffixes
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and without not in path.resolve().parents
    ]


def _writable(target: Path) -> Path:
    if target.suffix.lower() in writable_suffixes():
        return target
    return target.with_name(f"{target.name}.png")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}"
    return " ".join(str(error).split())
