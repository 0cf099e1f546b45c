"""Deblurs photos and videos: python -m egnet_tf.deblur photo.jpg.

Several files and folders may be named. Of a folder all images in it and its sub-folders
are restored. The result lies beside the input, named <name>_restored, unless --output
says otherwise.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from absl.flags import FlagValues
from tqdm import tqdm

from egnet_tf.cli import app, flags, restorer_flags
from egnet_tf.errors import InputError
from egnet_tf.images.read import DEFAULT_MAX_PIXELS, read_photo
from egnet_tf.inference.devices import parse_devices
from egnet_tf.inference.options import RestorerOptions
from egnet_tf.inference.photos import Job, Work, find_jobs, restore_photos
from egnet_tf.inference.resolve import installed_form, resolve
from egnet_tf.inference.restorer import Restorer
from egnet_tf.inference.sharpness import Sharpness, SharpnessWatch, found_blur
from egnet_tf.inference.video import is_video, restore_video, video_target
from egnet_tf.inference.video_segments import restore_in_segments
from egnet_tf.options import option
from egnet_tf.shards import SHARD_HELP, Shard, parse_shard


@dataclasses.dataclass(frozen=True)
class Options:
    """What to restore, with which model, and where to."""

    input: tuple[str, ...] = option(
        (),
        "An image, a video, or a folder of images with its sub-folders. Without the "
        "name of this flag several may be given.",
        commas=False,
    )
    output: str = option(
        "",
        "File or folder to write, a folder if it ends in / or if there are several "
        "inputs. By default <name>_restored beside the input.",
    )
    model: str = option(
        "egnet_mobile",
        "A run's folder, a .tflite or .onnx file, the folder of a SavedModel or an "
        "OpenVINO model, hf://user/name on the Hugging Face hub, or the name of a "
        "variant whose weights come with the package.",
    )
    strength: float = option(
        1.0,
        "How much of the restoration is kept: 0 gives the input's pixels, 1 the "
        "network's, and between them the two are blended.",
        lower=0.0,
        upper=1.0,
    )
    batch: int = option(
        8,
        "Tiles, or small images of one size, of any of the images, that go through "
        "the network at once; .tflite files take one at a time.",
        lower=1,
    )
    devices: str = option(
        "",
        "GPUs that restore: all, or their numbers, such as 0,1. By default the first. "
        "A .tflite file restores on all cores.",
        validate=parse_devices,
    )
    shard: str = option(
        "",
        f"{SHARD_HELP} Of a video it is a share of the segments.",
        validate=parse_shard,
    )
    quality: int = option(
        95, "Quality of JPEG, WebP and AVIF files that are written.", lower=1, upper=100
    )
    max_pixels: int = option(
        DEFAULT_MAX_PIXELS,
        "Width times height above which an image is refused.",
        lower=1,
    )
    only_blurry: bool = option(
        False, "Leave out photos in which no blur is found (docs/deblur.md)."
    )
    skip_existing: bool = option(
        False,
        "Leave out images and videos whose output is there already. A video that is "
        "restored is kept in segments until it is done, which the same command does "
        "not restore again after an interruption.",
    )
    overwrite: bool = option(False, "Replace outputs that exist, but never an input.")


def define_flags(values: FlagValues) -> None:
    """Defines the flags of the command."""
    flags.define(Options, values)
    restorer_flags.define(values)


def main(values: FlagValues) -> int:
    """Restores what the flags name; returns 1 if anything failed or was left out."""
    options = flags.read(Options, values)
    if not all(options.input) or not options.input:
        raise InputError("Expected an image, a video or a folder. Received: nothing")
    sources = [Path(os.path.expanduser(name)) for name in options.input]
    output = Path(os.path.expanduser(options.output)) if options.output else None
    into_folder = options.output.endswith(("/", os.sep))
    resolve(options.model)
    # Files that are there are skipped below.
    may_exist = options.overwrite or options.skip_existing
    videos = [path for path in sources if is_video(path) and not path.is_dir()]
    photos = [path for path in sources if path not in videos]
    several = len(sources) > 1
    if output is not None and videos and (several or into_folder):
        output.mkdir(parents=True, exist_ok=True)
    shard = parse_shard(options.shard)
    films, refused = _video_jobs(videos, output, may_exist)
    if refused and not several:
        raise InputError(refused[videos[0]])
    work = find_jobs(
        photos,
        output,
        into_folder=into_folder or several,
        overwrite=may_exist,
        shard=shard,
    )
    reasons = {**refused, **work.failed}
    if reasons and not (work.jobs or films):
        return report(work, reasons)
    jobs, clips = (
        [job for job in all_of if not (options.skip_existing and job.target.exists())]
        for all_of in (work.jobs, films)
    )
    if len(jobs) == 1 and not clips:
        # What is wrong with a single image is said before the model is loaded.
        read_photo(jobs[0].source, options.max_pixels)
    watch, unjoined = SharpnessWatch(only_blurry=options.only_blurry), []
    if jobs or clips:
        restorer = restorer_flags.load(values, options.model, options.devices)
        reasons |= _restore_photos(restorer, options, jobs, watch)
        in_segments = options.skip_existing or shard.count > 1
        key = _video_key(values, options) if clips and in_segments else None
        failed, unjoined = _restore_videos(
            restorer, clips, options.strength, key, shard
        )
        reasons |= failed
    undone = {*reasons, *watch.left, *unjoined}
    restored = [job for job in (*jobs, *clips) if job.source not in undone]
    if len(work.jobs) + len(films) == len(restored) == 1:
        print(f"restored: {app.shown(restored[0].target)}")
    elif several or len(work.jobs) > 1 or not (reasons or unjoined):
        there = len(work.jobs) + len(films) - len(jobs) - len(clips)
        sharp = f"{len(watch.left)} sharp, " if options.only_blurry else ""
        print(
            f"{len(restored)} restored, {sharp}{there} there already, "
            f"{len(reasons)} failed"
        )
    return report(work, reasons)


def _video_jobs(
    videos: list[Path], output: Path | None, overwrite: bool
) -> tuple[list[Job], dict[Path, str]]:
    """The videos that can be restored, and of the others why not."""
    jobs: list[Job] = []
    refused: dict[Path, str] = {}
    for path in videos:
        taken = {job.target for job in jobs}
        try:
            target = video_target(path, output, overwrite=overwrite, taken=taken)
        except InputError as error:
            refused[path] = str(error)
        except OSError as error:
            refused[path] = f"{error.strerror or error}: {error.filename or path}"
        else:
            jobs.append(Job(path, target))
    return jobs, refused


def report(work: Work, reasons: Mapping[Path, str]) -> int:
    """Says what failed and what was left out; returns the exit code."""
    log = logging.getLogger(__name__)
    if work.left_out:
        kinds = (f"{count} {kind}" for kind, count in work.left_out.items())
        log.warning("left out, no photos of their own: %s", ", ".join(kinds))
    for failed, reason in reasons.items():
        named = " ".join(str(failed).split()) in reason
        log.error("%s", reason if named else f"{failed}: {reason}")
    return 1 if reasons or work.left_out else 0


def _restore_photos(
    restorer: Restorer, options: Options, jobs: list[Job], watch: SharpnessWatch
) -> dict[Path, str]:
    alone = len(jobs) == 1
    total, unit = (None, "tile") if alone else (len(jobs), "photo")
    with tqdm(total=total, unit=unit, disable=None if jobs else True) as bar:

        def on_tile(done: int, tiles: int) -> None:
            if alone:
                bar.total = tiles
                bar.update()
            elif tiles > 1:
                bar.set_postfix_str(f"tile {done}/{tiles}")

        def on_done(count: int) -> None:
            if not alone:
                bar.update(count)
            for source, found in watch.news():
                _say_sharpness(source, found)

        return restore_photos(
            restorer,
            jobs,
            strength=options.strength,
            quality=options.quality,
            max_pixels=options.max_pixels,
            batch=options.batch,
            overwrite=options.overwrite,
            watch=watch,
            on_done=on_done,
            on_tile=on_tile,
        )


def _video_key(values: FlagValues, options: Options) -> str:
    """What the frames of a restored video depend on beside the video."""
    source = installed_form(resolve(options.model))
    how = flags.read(RestorerOptions, values)
    return f"{source.digest()} {how} {options.strength}"


def _say_sharpness(source: Path, found: Sharpness) -> None:
    """Prints a line on a photo, and warns where it was hardly improved."""
    name = app.shown(source)
    with tqdm.external_write_mode():
        print(f"{name}: {found}", flush=True)
    if found.hardly_improved:
        said = found_blur(found.before)
        logging.getLogger(__name__).warning("%s: %s: hardly improved", source, said)


def _restore_videos(
    restorer: Restorer,
    clips: list[Job],
    strength: float,
    key: str | None,
    shard: Shard,
) -> tuple[dict[Path, str], list[Path]]:
    """Restores videos: in segments, those of a shard, if there is a key.

    Returns:
        Those that failed, with the reason, and those that another process will join.
    """
    reasons: dict[Path, str] = {}
    unjoined: list[Path] = []
    for source, target in clips:
        with tqdm(unit="frame", disable=None) as bar:

            def show(_: int, frames: int, bar: tqdm = bar) -> None:
                bar.total = frames or None
                bar.update()

            done = None
            try:
                if key is None:
                    restore_video(
                        restorer, source, target, strength=strength, on_frame=show
                    )
                else:
                    done = restore_in_segments(
                        restorer,
                        source,
                        target,
                        key=key,
                        shard=(shard.index - 1, shard.count),
                        strength=strength,
                        on_frame=show,
                    )
            except InputError as error:
                reasons[source] = str(error)
                continue
        if done is not None and not done.joined:
            unjoined.append(source)
            there = done.segments - done.missing
            print(
                f"{app.shown(source)}: {there} of {done.segments} segments are there; "
                "the process that restores the last one joins them"
            )
    return reasons, unjoined


POSITIONAL = "input"

if __name__ == "__main__":
    app.run(define_flags, main, POSITIONAL)
