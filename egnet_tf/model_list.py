"""The named variants with their sizes and scores, and which weights come with them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from egnet_tf.files import read_json
from egnet_tf.models.variants import VARIANTS
from egnet_tf.paper.published import TABLE_1, Published

_SIZES = Path(__file__).parent / "models" / "sizes.json"
_WEIGHTS = Path(__file__).parent / "weights"

_LICENCE = re.compile(r"^Licence of the weights: (.+?)\.?$", re.MULTILINE)
_SCORES = re.compile(
    r"^\| (?P<dataset>[^|]+) \| `(?P<protocol>\w+)` \| (?P<images>\d+) "
    r"\| (?P<blurry>[\d.]+ dB / [\d.]+) \| (?P<restored>[\d.]+ dB / [\d.]+) \|",
    re.MULTILINE,
)
"""What a model card says in these forms is read from it: it has one home."""

_IN_THE_PAPER = {
    "egnet": "EGNet",
    "mprnet": "MPRNet",
    "dmphn": "DMPHN",
    "mimo_unet_plus": "MIMO-UNet+",
}
"""Which row of the paper's Table 1 a variant is the network of."""


class Measured(NamedTuple):
    """The scores of weights on held-out images, PSNR in dB."""

    dataset: str
    protocol: str
    images: int
    blurry_psnr: float
    blurry_ssim: float
    psnr: float
    ssim: float

    @property
    def gain(self) -> float:
        """What restoring gains, in dB."""
        return self.psnr - self.blurry_psnr


class Model(NamedTuple):
    """A variant, and the weights that come with the package, if any do.

    Attributes:
        name: of the variant, what `egnet_tf.load` and `--variant` take.
        parameters: of the network; its self-ensemble has more.
        multiply_adds: of one pass over 256 x 256 pixels.
        size_multiple: what heights and widths inside are multiples of; images of any
            size are padded to them.
        tile: side of the tiles in which it restores by default; 0 for whole images.
        files: bytes of each file of weights; none if no weights come with the package.
        licence: of the weights, as SPDX names it; "" without weights.
        measured: scores of the weights, by this project.
        published: the score on GoPro of this network in the paper, by its authors.
    """

    name: str
    parameters: int
    multiply_adds: int
    size_multiple: int
    tile: int
    files: dict[str, int]
    licence: str
    measured: tuple[Measured, ...]
    published: Published | None


def all_models() -> list[Model]:
    """Returns every named variant."""
    sizes = read_json(_SIZES)
    models = []
    for name, variant in VARIANTS.items():
        folder = _WEIGHTS / name
        found = sorted((*folder.glob("*.h5"), *folder.glob("*.tflite")))
        licence, measured = _card(folder / "README.md") if found else ("", ())
        title = _IN_THE_PAPER.get(name)
        models.append(
            Model(
                name,
                **sizes[name],
                size_multiple=variant.size_multiple,
                tile=variant.tile,
                files={path.name: path.stat().st_size for path in found},
                licence=licence,
                measured=measured,
                published=TABLE_1[title]["gopro"] if title else None,
            )
        )
    return models


def list_models() -> list[Model]:
    """Returns the models whose weights come with the package; see `Model`.

    for model in egnet_tf.list_models():
        print(model.name, model.parameters, model.files, model.licence)
    """
    return [model for model in all_models() if model.files]


def _card(path: Path) -> tuple[str, tuple[Measured, ...]]:
    """The licence and the scores that a model card names."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    licence = _LICENCE.search(text)
    measured = tuple(
        Measured(
            row["dataset"].strip(),
            row["protocol"],
            int(row["images"]),
            *map(float, row["blurry"].split(" dB / ")),
            *map(float, row["restored"].split(" dB / ")),
        )
        for row in _SCORES.finditer(text)
    )
    return licence[1] if licence else "", measured
