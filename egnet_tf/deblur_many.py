r"""Deblurs photos on many machines by Apache Beam: python -m egnet_tf.deblur_many.

    python -m egnet_tf.deblur_many --input='photos/**' --output=restored --workers=4
    python -m egnet_tf.deblur_many --input='gs://bucket/photos/**' \
      --output=gs://bucket/restored --runner=DataflowRunner -- --region=europe-west1

What follows -- are the flags of Beam and of the runner. Photos that cannot be restored
are listed with their reasons in failed.jsonl in the output folder; the others are
restored, and the exit code is 1. Videos are restored in parts, by several workers.
"""

# Beam is in an environment of its own, and seldom in that of the type checker.
# pyright: reportMissingImports=false

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

from absl.flags import FlagValues

from egnet_tf.cli import app, flags, restorer_flags
from egnet_tf.errors import InputError, require
from egnet_tf.files import write_json
from egnet_tf.images.read import DEFAULT_MAX_PIXELS
from egnet_tf.inference.options import RestorerOptions
from egnet_tf.inference.resolve import resolve
from egnet_tf.options import option

FAILURES = "failed.jsonl"
"""The file in the output folder that lists what failed, and why."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What to restore, with which model, where to, and on which runner."""

    input: str = option(
        "",
        "A folder, or a pattern in which * stands for a part of a name, ** for parts "
        "of a path: local, gs://, s3:// or hdfs://.",
    )
    output: str = option("", "The folder to write; sub-folders of the input are kept.")
    model: str = option(
        "egnet_mobile",
        "The name of a variant whose weights come with the package, or a .tflite or "
        ".onnx file, also on another file system; else as in deblur, but where the "
        "workers run.",
    )
    strength: float = option(
        1.0,
        "How much of the restoration is kept: 0 gives the input's pixels, 1 the "
        "network's, and between them the two are blended.",
        lower=0.0,
        upper=1.0,
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
    runner: str = option(
        "DirectRunner",
        "What runs the work: DirectRunner (processes on this machine), FlinkRunner, "
        "DataflowRunner or another one of Beam.",
    )
    workers: int = option(1, "Processes of the DirectRunner.", lower=1)
    beam: tuple[str, ...] = option(
        (),
        "A flag of Beam or of the runner. Several are given after -- at the end.",
        commas=False,
    )


def define_flags(values: FlagValues) -> None:
    """Defines the flags of the command."""
    flags.define(Options, values)
    restorer_flags.define(values)


def main(values: FlagValues) -> int:
    """Restores what the flags name; returns 1 if anything failed or was left out."""
    options = flags.read(Options, values)
    for name in ("input", "output"):
        if not getattr(options, name):
            raise InputError(f"Expected --{name}=FOLDER. Received: nothing")
    if "://" not in options.model:
        resolve(options.model)
    require("apache_beam")
    counters = run(options, flags.read(RestorerOptions, values))
    there, failed = counters["there_already"], counters["failed"]
    print(
        f"{counters['restored']} restored ({counters['pixels'] / 1e6:.1f} megapixels), "
        f"{there} there already, {failed} failed"
    )
    if not (counters["restored"] or there or failed):
        raise InputError(f"Expected images to restore. Received: {options.input}")
    log = logging.getLogger(__name__)
    if counters["left_out"]:
        log.warning("left out, no photos of their own: %d", counters["left_out"])
    if failed:
        log.error("%d failed, see %s", failed, f"{_folder(options)}/{FAILURES}")
    return 1 if failed or counters["left_out"] else 0


def run(options: Options, restorer: RestorerOptions) -> Counter[str]:
    """Runs the pipeline to its end.

    Returns:
        The counters of `egnet_tf.beam`.

    Raises:
        InputError: the output is the folder of the input, a flag of Beam is unknown,
            or the job did not end well.
    """
    _quiet()
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    from egnet_tf import beam as restoring
    from egnet_tf.beam import files

    _, root = files.split_pattern(options.input)
    output = _folder(options)
    if files.absolute(root) == files.absolute(output):
        raise InputError(
            f"Expected another folder as the output of {root}. Received: {output}"
        )
    for word in options.beam:
        if not word.startswith("--"):
            raise InputError(f"Expected flags (--name=value). Received: {word}")
    if os.path.exists(output) and not os.path.isdir(output):
        raise InputError(f"Expected a folder as the output. Received: {output}")
    runner, words = options.runner, list(options.beam)
    if runner == "DirectRunner":
        # The runner of that name would first try another one, which is downloaded.
        runner = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
        words.append(f"--direct_num_workers={options.workers}")
        if options.workers > 1:
            words.append("--direct_running_mode=multi_processing")
    settings = PipelineOptions([f"--runner={runner}", *words])
    try:
        pipeline = beam.Pipeline(options=settings)
    except ValueError as error:
        raise InputError(
            f"Expected a runner of Beam ({error}). Received: {options.runner}"
        ) from error
    found = pipeline | restoring.ReadPhotos(
        options.input,
        output=output,
        skip_existing=options.skip_existing,
        max_pixels=options.max_pixels,
    )
    restored = found.photos | restoring.RestorePhotos(
        options.model,
        strength=options.strength,
        quality=options.quality,
        max_pixels=options.max_pixels,
        arguments=restorer.arguments(),
    )
    written = restored.photos | restoring.WritePhotos(
        output, overwrite=options.overwrite
    )
    videos = pipeline | restoring.RestoreVideos(
        options.input,
        options.model,
        output=output,
        strength=options.strength,
        skip_existing=options.skip_existing,
        overwrite=options.overwrite,
        arguments=restorer.arguments(),
    )
    failed = (
        found.failed,
        restored.failed,
        written.failed,
        videos.failed,
    ) | beam.Flatten()
    _ = failed | restoring.WriteFailures(f"{output}/{FAILURES}")
    with _quiet_workers():
        result = _finished(pipeline)
    files.remove_unfinished(output)
    counters: Counter[str] = Counter()
    for counter in result.metrics().query()["counters"]:
        metric = counter.key.metric
        if metric.namespace == files.NAMESPACE:
            # Not every runner tells what was repeated from what counts.
            counters[metric.name] += counter.committed or counter.attempted
    return counters


def _quiet() -> None:
    """Leaves out what Beam says of libraries that are not needed here.

    It says so by the root logger, which nobody else uses directly.
    """
    logging.getLogger().addFilter(lambda record: record.levelno >= logging.ERROR)
    # What ends a job is raised as well.
    logging.getLogger("apache_beam.runners").setLevel(logging.CRITICAL)


@contextlib.contextmanager
def _quiet_workers() -> Iterator[None]:
    """Makes the processes that the DirectRunner starts inside log errors only."""
    name = "PIPELINE_OPTIONS_FILE"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "options.json")
        write_json(path, {"default_sdk_harness_log_level": "ERROR"})
        before = os.environ.get(name)
        os.environ.setdefault(name, path)
        try:
            yield
        finally:
            if before is None:
                del os.environ[name]


def _finished(pipeline: Any) -> Any:
    """Runs a pipeline to its end; a mistake of the user's comes back from a worker."""
    try:
        result = pipeline.run()
        state = result.wait_until_finish()
    except Exception as error:
        # Of a worker process there is the text of the traceback only.
        said = re.findall(r"(?:InputError: |^)(Expected .* Received: .*)", str(error))
        if said:
            raise InputError(said[-1].partition(" [while running")[0]) from error
        raise
    if state not in (None, "DONE"):
        raise InputError(f"Expected a job that ends well. Received: {state}")
    return result


def _folder(options: Options) -> str:
    folder = options.output
    return folder.rstrip("/") if "://" in folder else os.path.abspath(folder)


POSITIONAL = "beam"

if __name__ == "__main__":
    app.run(define_flags, main, POSITIONAL)
