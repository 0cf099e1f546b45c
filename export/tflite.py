"""Writes LiteRT files: python -m export.tflite --model=runs/quickstart --output=dist.

One file a mode: a tile of fixed size, batch 1, builtin operators only. Each is run on
photographs, in a process of its own, against the Keras model before it is put in its
place; a file that is further from it than its mode allows is not written.

--mode=float32 --mode=int8 --uint8 --dataset=gopro --data_dir=GOPRO_Large
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from egnet_tf.cli import app
from egnet_tf.cli.table import aligned
from egnet_tf.data import open_pairs
from egnet_tf.errors import InputError
from export.checks.checked_export import ToleranceError
from export.checks.images import calibration_crops
from export.checks.source import open_source
from export.checks.table import row
from export.graphs.tile import TILE
from export.litert.modes import CALIBRATED, TOLERANCES
from export.litert.writer import LiteRTWriter

_MODEL = flags.DEFINE_string(
    "model", None, "a run's folder, or a variant", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "folder for the files", required=True)
_MODES = flags.DEFINE_multi_enum(
    "mode", ["float32", "float16"], list(TOLERANCES), "number format; may be repeated"
)
_UINT8 = flags.DEFINE_bool("uint8", False, "int8: input and output are bytes")
_TILE = flags.DEFINE_integer("tile", TILE, "side of the tile in pixels", 16)
_BRANCHES = flags.DEFINE_list(
    "branches",
    ["whole"],
    "of the self-ensemble; half,whole,quarters takes 2.25 times as long on the device",
)
_DATASET = flags.DEFINE_string(
    "dataset",
    "samples",
    "photographs: the check takes the test split, int8 and int16x8 measure their "
    "ranges on the training split",
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "folder of the dataset")
_CALIBRATION = flags.DEFINE_integer("calibration", 200, "crops for the ranges", 1)
_CHECKED = flags.DEFINE_integer("checked", 24, "the most tiles of the check", 1)


def main() -> None:
    """Writes a file for each mode and prints how large and how exact it is."""
    if _UINT8.value and "int8" not in _MODES.value:
        raise InputError(f"Expected --mode=int8 with --uint8. Received: {_MODES.value}")
    source = open_source(
        _MODEL.value,
        branches=_BRANCHES.value,
        dataset=_DATASET.value,
        data_dir=_DATA_DIR.value,
        size=(_TILE.value, _TILE.value),
        limit=_CHECKED.value,
    )
    writer = LiteRTWriter(source, Path(_OUTPUT.value), _TILE.value)
    crops = None
    if set(_MODES.value) & set(CALIBRATED):
        pairs = open_pairs(_DATASET.value, data_dir=_DATA_DIR.value, split="train")
        crops = calibration_crops(pairs, _TILE.value, _CALIBRATION.value)
    written, refused = [], []
    for mode in _MODES.value:
        try:
            export = writer.write(
                mode,
                crops=crops,
                crops_from=f"{_DATASET.value}, train",
                uint8=_UINT8.value and mode == "int8",
            )
        except ToleranceError as error:
            refused.append(str(error))
        else:
            written.append(row(export))
    if written:
        print(aligned(written))
    if refused:
        raise ToleranceError("; ".join(refused))


if __name__ == "__main__":
    app.run(main)
