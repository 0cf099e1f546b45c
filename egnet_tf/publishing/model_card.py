"""The model card: YAML that the Hugging Face hub reads, and Markdown for people."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from egnet_tf.models import Variant
from egnet_tf.models.configs import BACKBONES

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?://|#)[^)]*\)")
_HEADING = re.compile(r"^# .*\n+")


class Validation(NamedTuple):
    """A row of the table: what a phase of the training reached.

    Attributes:
        phase: its name.
        step: of the phase.
        psnr: in dB, of the restored held-out images.
        ssim: theirs.
        blurry_psnr: in dB, before.
        blurry_ssim: before.
    """

    phase: str
    step: int
    psnr: float
    ssim: float
    blurry_psnr: float
    blurry_ssim: float


class Facts(NamedTuple):
    """What a card says of a model.

    Attributes:
        repo: where it is published, user/name.
        variant: of the network.
        license: as the hub names it, "" for none.
        sizes: bytes of each file that is published.
        trained_on: the value of --dataset.
        validated_on: the value of --validation.
        validations: the last of each phase.
        recipe: the flag file of the training.
        card: Markdown that comes with the weights, in place of the rest.
    """

    repo: str
    variant: Variant
    license: str
    sizes: Mapping[str, int]
    trained_on: str = ""
    validated_on: str = ""
    validations: Sequence[Validation] = ()
    recipe: str = ""
    card: str = ""


def model_card(facts: Facts) -> str:
    """The text of README.md."""
    network = facts.variant.backbone.name
    egn = " with EGN (EGNet)" if facts.variant.egn else ""
    about = (
        f"A network for image deblurring: {_title(network)}{egn}, in TensorFlow. It "
        "takes and returns RGB images in [0, 1] of any size."
    )
    parts = [f"---\n{_yaml(facts)}---", f"# {facts.repo}", about, _use(facts)]
    parts.append(_files(facts.sizes))
    if facts.card:
        # Files of the project that do not go along cannot be linked to.
        parts.append(_LINK.sub(r"\1", _HEADING.sub("", facts.card)).strip())
    else:
        parts += [_training(facts), _measured(facts)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _title(backbone: str) -> str:
    titles = {
        "mprnet": "MPRNet",
        "dmphn": "DMPHN",
        "mimo_unet": "MIMO-UNet",
        "nafnet": "NAFNet",
    }
    return titles.get(backbone, backbone) if backbone in BACKBONES else backbone


def _yaml(facts: Facts) -> str:
    values: dict[str, Any] = {}
    if facts.license:
        values["license"] = facts.license
    values["library_name"] = "egnet-tf"
    values["pipeline_tag"] = "image-to-image"
    values["tags"] = ["image-restoration", "image-deblurring", "egnet", "tensorflow"]
    if any(name.endswith(".tflite") for name in facts.sizes):
        values["tags"].append("litert")
    if results := _results(facts):
        values["model-index"] = results
    # A JSON value is a YAML value too, and no name in it can mean anything else.
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items())


def _results(facts: Facts) -> list[dict[str, Any]]:
    if not facts.validations or not facts.validated_on:
        return []
    last = facts.validations[-1]
    metrics = [
        {"type": name, "value": round(value, digits), "name": f"{title} (validation)"}
        for name, title, value, digits in (
            ("psnr", "PSNR", last.psnr, 2),
            ("ssim", "SSIM", last.ssim, 4),
        )
        if math.isfinite(value)
    ]
    if not metrics:
        return []
    dataset = {"type": facts.validated_on, "name": facts.validated_on}
    task = {"type": "image-to-image", "name": "Image deblurring"}
    result = {"task": task, "dataset": dataset, "metrics": metrics}
    return [{"name": facts.repo.partition("/")[2], "results": [result]}]


def _use(facts: Facts) -> str:
    return (
        "## Use\n\n"
        "With egnet-tf and its extra `hub` installed:\n\n"
        "```python\n"
        "import egnet_tf\n\n"
        f'restorer = egnet_tf.load("hf://{facts.repo}")\n'
        'restored = restorer("photo.jpg")\n'
        "```\n\n"
        "```sh\n"
        f"python -m egnet_tf.deblur --model=hf://{facts.repo} photo.jpg\n"
        "```\n\n"
        "Without TensorFlow, a float16 `.tflite` file of the repository is used. "
        "`app.py` shows the model on a page of one's own (`pip install gradio`)."
    )


def _files(sizes: Mapping[str, int]) -> str:
    rows = "\n".join(f"| `{name}` | {size:,} |" for name, size in sizes.items())
    return f"## Files\n\n| file | bytes |\n| --- | ---: |\n{rows}"


def _training(facts: Facts) -> str:
    if not facts.recipe:
        return "## Training\n\nNothing is on record of how these weights were trained."
    return (
        f"## Training\n\nOn `--dataset={facts.trained_on}`, by "
        "`python -m egnet_tf.train --flagfile=recipe.flags` with\n\n"
        f"```\n{facts.recipe.strip()}\n```"
    )


def _measured(facts: Facts) -> str:
    if not facts.validations:
        return ""
    rows = "\n".join(
        f"| {row.phase} | {row.step:,} | {row.blurry_psnr:.2f} / {row.blurry_ssim:.4f} "
        f"| {row.psnr:.2f} / {row.ssim:.4f} |"
        for row in facts.validations
    )
    return (
        "## Measured\n\nDuring the training, on held-out pairs of "
        f"`{facts.validated_on}`; PSNR in dB / SSIM:\n\n"
        "| phase | steps | blurry | restored |\n"
        f"| --- | ---: | ---: | ---: |\n{rows}\n\n"
        "These pairs were looked at during the training; they are a validation set, "
        "not a test set."
    )


def read_card(path: Path) -> str:
    """The model card that lies beside weights, "" if there is none."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
