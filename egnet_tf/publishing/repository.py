"""The folder of a model as it is published, and its upload to the Hugging Face hub."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from egnet_tf.errors import InputError
from egnet_tf.files import replacing, write_text
from egnet_tf.hub import CHECKSUMS, sha256
from egnet_tf.inference.resolve import ModelSource
from egnet_tf.models import read_variant
from egnet_tf.publishing.model_card import Facts, Validation, model_card, read_card
from egnet_tf.training import RunFolder
from egnet_tf.training import recipe as recipes

_APP = '''"""Try {repo} on a page: pip install gradio, then python app.py."""

import gradio

import egnet_tf

restorer = egnet_tf.load("hf://{repo}")


def restore(photo, strength):
    """Restores an RGB photo, uint8 (H, W, 3), and blends it with the original."""
    return None if photo is None else restorer(photo, strength=strength)


gradio.Interface(
    restore,
    [gradio.Image(label="Blurry"), gradio.Slider(0, 1, 1, label="Strength")],
    gradio.Image(label="Restored", format="png"),
    title="{repo}",
    flagging_mode="never",
).launch()
'''


def write_repository(
    folder: Path,
    source: ModelSource,
    repo: str,
    *,
    license: str,
    tflite: Sequence[Path],
) -> list[str]:
    """Writes what is published of a model; whole or not at all.

    weights/        the weights and their description
    *.tflite        exported files, and the JSON beside each
    recipe.flags    of the training, if the model is a run
    README.md       the model card
    app.py          a page to try it on, by Gradio
    SHA256SUMS      of all of these

    Args:
        folder: replaced if it is there.
        source: a run or a variant whose weights come with the package.
        repo: user/name.
        license: as the hub names it, "" for none.
        tflite: exported files.

    Returns:
        The names of the files, sorted.

    Raises:
        InputError: two exported files of one name, or the weights are damaged.
        OSError: a file cannot be read or written.
    """
    weights = source.weights()
    variant = read_variant(weights)
    names = [path.name for path in tflite]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(
            f"Expected .tflite files of different names. Received: {min(twice)} twice"
        )
    with replacing(folder) as unfinished:
        (unfinished / "weights").mkdir(parents=True)
        for file in (weights / "model.json", *sorted(weights.glob("*.weights.h5"))):
            shutil.copyfile(file, unfinished / "weights" / file.name)
        for file in tflite:
            for one in (file, file.with_name(f"{file.name}.json")):
                if one is file or one.is_file():
                    shutil.copyfile(one, unfinished / one.name)
        facts = Facts(repo, variant, license, {})
        if source.kind == "shipped":
            for image in sorted(weights.glob("*.jpg")):
                shutil.copyfile(image, unfinished / image.name)
            facts = facts._replace(card=read_card(weights / "README.md"))
        else:
            facts = _of_the_run(facts, weights.parent, unfinished)
        write_text(unfinished / "app.py", _APP.format(repo=repo))
        sizes = {
            name: (unfinished / name).stat().st_size for name in _files(unfinished)
        }
        write_text(unfinished / "README.md", model_card(facts._replace(sizes=sizes)))
        sums = [f"{sha256(unfinished / x)}  {x}\n" for x in _files(unfinished)]
        write_text(unfinished / CHECKSUMS, "".join(sums))
    return _files(folder)


def upload(folder: Path, repo: str, *, private: bool) -> str:
    """Uploads a folder in one commit; large files that are there are not sent again.

    Args:
        folder: see `write_repository`.
        repo: user/name; made if it is not there.
        private: whether a repository that is made is private.

    Returns:
        The address of the commit.

    Raises:
        InputError: not logged in, not permitted, or no connection.
    """
    from huggingface_hub import HfApi, errors

    api = HfApi(library_name="egnet-tf")
    try:
        api.create_repo(repo, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo, folder_path=folder, commit_message="Weights of EGNet-TF"
        )
    except (errors.HTTPError, errors.LocalTokenNotFoundError) as error:
        response = getattr(error, "response", None)
        if response is not None and response.status_code in (401, 403):
            raise InputError(
                "Expected to be logged in with a token that may write (`hf auth "
                f"login`, or HF_TOKEN). Received: status {response.status_code} for "
                f"{repo}"
            ) from None
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"Expected the hub to take {repo}; the same command resumes. "
            f"Received: {text}"
        ) from None
    return str(commit.commit_url)


def _of_the_run(facts: Facts, folder: Path, published: Path) -> Facts:
    """Adds what the folder of a run, or its best/, tells of the training."""
    best = folder.name == RunFolder(folder).best.name
    run = RunFolder(folder.parent if best else folder)
    if not run.recipe.is_file():  # Imported weights, say.
        return facts
    shutil.copyfile(run.recipe, published / run.recipe.name)
    recipe = recipes.read(run.recipe)
    rows = run.metrics()
    ends = {row["phase"]: row for row in rows}
    kept = run.best_validation() if best else None
    if kept:
        ends = {x["phase"]: x for x in rows if int(x["step"]) <= kept.step}
        ends = dict(list(ends.items())[: list(ends).index(kept.phase) + 1])
    elif start := run.better_start():
        ends["ensemble"] = start
    return facts._replace(
        trained_on=recipe.dataset,
        validated_on=recipe.validation or recipe.dataset,
        validations=[_validation(row) for row in ends.values()],
        recipe=run.recipe.read_text("utf-8"),
    )


def _validation(row: dict[str, str]) -> Validation:
    numbers = []
    for name in ("psnr", "ssim", "blurry_psnr", "blurry_ssim"):
        try:
            numbers.append(float(row[name]))
        except (KeyError, TypeError, ValueError):  # Of an earlier version.
            numbers.append(float("nan"))
    return Validation(row["phase"], int(row["step"]), *numbers)


def _files(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(os.path.relpath(path, folder).replace(os.sep, "/") for path in files)
