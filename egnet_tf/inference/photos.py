"""Which photos to restore and where to: files, and folders with all below them."""

from __future__ import annotations

import collections
import contextlib
import os
import re
import stat
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from egnet_tf.errors import InputError
from egnet_tf.images.find import search
from egnet_tf.images.read import (
    DEFAULT_MAX_PIXELS,
    Photo,
    read_photo,
    read_size,
)
from egnet_tf.images.write import (
    check_fits,
    check_suffix,
    writable_suffixes,
    write_photo,
)
from egnet_tf.inference.in_flight import InFlight, Need, work_at_once
from egnet_tf.inference.restorer import Restorer, default_memory_limit
from egnet_tf.inference.runners.pool import RunnerPool
from egnet_tf.inference.sharpness import SharpnessWatch
from egnet_tf.shards import ALL, Shard

_DEEP = {".avif", ".heic", ".heif", ".png", ".tif", ".tiff"}
"""Suffixes of formats that may have 16 bits a channel."""

_MOST_THREADS = 64


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
    shard: Shard = ALL,
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
        shard: the share of the photos, by the names of their outputs (with the
            sub-folders), so that two shards never write one file. What is left out is
            told of by the first one.

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
    names: dict[Path, str] = {}
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
            found, target = Work([job], {}, {}), job.target.parent
        for job in found.jobs:
            names[job.target] = job.target.relative_to(target).as_posix()
            about = job.source.stat()
            if about.st_ino and (about.st_dev, about.st_ino) in seen:
                left_out["a second name of an image"] += 1
                continue
            seen.add((about.st_dev, about.st_ino))
            jobs.append(job)
        failed.update(found.failed)
        left_out.update(found.left_out)
    _check_different(jobs)
    jobs = [job for job in jobs if shard.holds(names[job.target])]
    _check_targets(jobs, overwrite=overwrite)
    if shard.index > 1:
        left_out.clear()
    return Work(jobs, failed, dict(left_out.most_common()))


def _check_different(jobs: Sequence[Job]) -> None:
    targets: dict[Path, Path] = {}
    for source, target in jobs:
        other = targets.setdefault(target, source)
        if other is not source:
            raise InputError(
                "Expected inputs of different names for one output folder. Received: "
                f"{other} and {source}"
            )


def _check_targets(jobs: Sequence[Job], *, overwrite: bool) -> None:
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
    on_tile: Callable[[int, int], object] = lambda done, tiles: None,
) -> dict[Path, str]:
    """Restores photos; one that fails does not keep the others from it.

    They are begun in this order, several at once: while the network restores some,
    others are read and written. Up to `batch` tiles or small photos of one size, of
    whichever photos, go through a network together. What is in memory at once stays
    within the restorer's memory limit, unless a single photo takes more.

    Opacity stays as it is. For `quality`, `max_pixels` and `strength` see
    `write_photo`, `read_photo` and `Restorer`. `overwrite` is whether a file that is
    there by then may be replaced. This thread calls `on_done` with how many more
    photos are done, restored or not, and `on_tile` with how many forward passes of a
    photo are done and how many there are. `watch` looks at each photo before and
    after, and may leave it out.

    Returns:
        The sources that failed, each with the reason, in the order of the jobs.
    """
    if not jobs:
        return {}
    if isinstance(restorer, Restorer):
        restorer = restorer.side_by_side(batch=batch)
        pool, memory = restorer.runner, restorer.memory_limit
    else:  # On a server.
        pool, memory = None, default_memory_limit()
    networks, at_once, on_stop, calling = 1, 1, lambda: None, threading.Lock()
    if isinstance(pool, RunnerPool):  # Only then several threads may call it.
        networks, at_once, on_stop = len(pool.runners), pool.at_once, pool.give_up
        calling = contextlib.nullcontext()
    reasons: dict[Path, str] = {}

    def restore(job: Job, say: Callable[[tuple[int, int] | None], None]) -> None:
        try:
            photo = read_photo(job.source, max_pixels)
            check_fits(job.target, photo)
            check_computed(restorer, photo, max_pixels, job.source)
            if watch is None or watch.wants(job.source, photo.pixels):
                # In place: a photo may be large.
                pixels = photo.pixels[None]
                with calling:
                    restorer(
                        pixels,
                        strength=strength,
                        out=pixels,
                        on_tile=lambda done, tiles: say((done, tiles)),
                    )
                write_photo(job.target, photo, quality=quality, overwrite=overwrite)
                if watch is not None:
                    watch.restored(job.source, photo.pixels)
        except Exception as error:  # One file never ends a folder.
            reasons[job.source] = reason_of(error)
        say(None)

    def need(job: Job) -> Need:
        try:
            height, width = read_size(job.source)
            plan = restorer.plan(height, width)
            size = job.source.stat().st_size
        except Exception:  # `restore` says what is wrong.
            return Need()
        sample_bytes = 2 if job.source.suffix.lower() in _DEEP else 1
        held = size + 2 * 3 * sample_bytes * height * width + plan.strip_bytes
        return Need(held, plan.pass_bytes, plan.tiles)

    # One is read and one written meanwhile; of small ones there are enough for the
    # next batch to be ready.
    in_flight = InFlight(memory, photos=networks + 2, tiles=2 * at_once)
    threads = min(networks + 2 + 2 * at_once, _MOST_THREADS, len(jobs))
    working = work_at_once(
        jobs, restore, need, in_flight, threads=threads, on_stop=on_stop
    )
    with contextlib.closing(working) as events:
        for tile in events:
            if tile is None:
                on_done(1)
            else:
                on_tile(*tile)
    return {job.source: reasons[job.source] for job in jobs if job.source in reasons}


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
