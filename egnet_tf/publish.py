"""Publishes a model on the Hugging Face hub.

python -m egnet_tf.publish --model=runs/gopro --repo=user/name --license=cc-by-4.0

Published are the weights, .tflite files, a model card, checksums and a page to try the
model on (app.py, by Gradio). Anybody then uses it as --model=hf://user/name. Log in
first: hf auth login. With --output, the folder is written and nothing is uploaded: look
at it before, because the recipe of a run names the folders of its data.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from pathlib import Path

from absl.flags import FlagValues

from egnet_tf.cli import app, flags
from egnet_tf.errors import InputError, require
from egnet_tf.files import temporary_folder
from egnet_tf.hub import SCHEME, check_repo
from egnet_tf.inference.resolve import ModelSource, resolve
from egnet_tf.options import option


@dataclasses.dataclass(frozen=True)
class Options:
    """What to publish, and where."""

    model: str = option(
        "",
        "The folder of a run, its best/, or the name of a variant whose weights come "
        "with the package.",
    )
    repo: str = option("", "The repository on the hub, user/name.")
    tflite: tuple[str, ...] = option(
        (),
        "Exported files to publish too. By default those in the run's folder export/, "
        "or those that come with the package.",
    )
    license: str = option(
        "",
        "The licence of the weights as the hub names it, such as apache-2.0 or "
        "cc-by-4.0. What they were trained on may restrict it.",
    )
    private: bool = option(False, "Whether a repository that is made is private.")
    output: str = option(
        "", "A new folder to write what would be published to, in place of uploading."
    )


define_flags = functools.partial(flags.define, Options)


def main(values: FlagValues) -> None:
    """Writes the folder of the model, and uploads it unless --output is given."""
    options = flags.read(Options, values)
    if not options.model or not options.repo:
        raise InputError("Expected --model and --repo=user/name. Received: not both")
    check_repo(options.repo)
    source = resolve(options.model)
    source.weights()
    tflite = _tflite(source, options.tflite)
    output = Path(options.output).expanduser()
    if options.output and output.exists():
        raise InputError(
            f"Expected an --output that is not there yet. Received: {output}"
        )
    # It imports what reads runs.
    from egnet_tf.publishing.repository import upload, write_repository

    write = functools.partial(
        write_repository,
        source=source,
        repo=options.repo,
        license=options.license,
        tflite=tflite,
    )
    log = logging.getLogger(__name__)
    if not tflite:
        log.warning(
            "no .tflite files: those who lack TensorFlow cannot use the model; "
            "export.tflite makes them"
        )
    if not options.license:
        log.warning("no --license: nobody is permitted to use the weights")
    if options.output:
        names = write(output)
        print(f"{app.shown(output)}: {', '.join(names)}")
        return
    require("huggingface_hub")
    with temporary_folder(Path.cwd()) as folder:
        write(folder / "model")
        commit = upload(folder / "model", options.repo, private=options.private)
    print(f"published: {commit}; use it as --model={SCHEME}{options.repo}")


def _tflite(source: ModelSource, given: tuple[str, ...]) -> list[Path]:
    paths = [Path(name).expanduser() for name in given]
    for path in paths:
        if not path.is_file() or resolve(path).kind != "tflite":
            raise InputError(f"Expected .tflite files for --tflite. Received: {path}")
    if paths:
        return paths
    run = source.path.parent
    folder = source.path if source.kind == "shipped" else run / "export"
    return sorted(folder.glob("*.tflite"))


if __name__ == "__main__":
    app.run(define_flags, main)
