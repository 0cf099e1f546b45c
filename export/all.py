"""Writes every format: python -m export.all --model=runs/quickstart --output=dist.

    dist/<model>_<mode>.tflite     LiteRT, in five number formats, and int8 with bytes
    dist/saved_model/<model>/1     for TensorFlow Serving
    dist/<model>.onnx              any size
    dist/<model>_256.onnx          one tile
    dist/exports.csv               how large and how exact each is

Each is checked as by its own command. One that is further from the Keras model than
its format may be is not written, and named at the end. Needs the extras `onnx` and
`serving`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from absl import flags

from egnet_tf.cli import app
from egnet_tf.cli.table import aligned, write_csv
from egnet_tf.data import open_pairs
from export.checks.checked_export import Export, ToleranceError
from export.checks.images import calibration_crops
from export.checks.source import open_source
from export.checks.table import row
from export.graphs.tile import TILE
from export.litert.modes import TOLERANCES
from export.litert.writer import LiteRTWriter
from export.onnx_writer import write_onnx
from export.saved_model_writer import write_version
from export.serving_signatures import MAX_PIXELS

_MODEL = flags.DEFINE_string(
    "model", None, "a run's folder, or a variant", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "folder for the files", required=True)
_TILE = flags.DEFINE_integer("tile", TILE, "side of the tiles in pixels", 16)
_DATASET = flags.DEFINE_string(
    "dataset",
    "samples",
    "photographs: the checks take the test split, int8 and int16x8 measure their "
    "ranges on the training split",
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "folder of the dataset")
_CALIBRATION = flags.DEFINE_integer("calibration", 200, "crops for the ranges", 1)
_CHECKED = flags.DEFINE_integer("checked", 24, "the most tiles of a check", 1)

_WINDOW = (203, 251)  # No multiple of anything, for the formats of any size.
_WINDOWS = 4


def main() -> None:
    """Writes all files and the table, and names those that were refused."""
    written, refused = [], []
    for export in _exports(Path(_OUTPUT.value)):
        try:
            written.append(row(export()))
        except ToleranceError as error:
            refused.append(str(error))
    if written:
        print(aligned(written))
        write_csv(Path(_OUTPUT.value) / "exports.csv", written)
    if refused:
        raise ToleranceError("; ".join(refused))


def _exports(folder: Path) -> Iterator[Callable[[], Export]]:
    tile, data = _TILE.value, {"dataset": _DATASET.value, "data_dir": _DATA_DIR.value}
    # On a device, a tile is restored once; servers run the whole self-ensemble.
    device, server = (
        open_source(_MODEL.value, branches=branches, size=size, limit=limit, **data)
        for branches, size, limit in (
            (("whole",), (tile, tile), _CHECKED.value),
            (None, _WINDOW, min(_WINDOWS, _CHECKED.value)),
        )
    )
    yield lambda: write_version(
        server, folder / "saved_model" / server.name, MAX_PIXELS
    )
    yield lambda: write_onnx(server, folder)
    yield lambda: write_onnx(device, folder, tile)
    pairs = open_pairs(_DATASET.value, data_dir=_DATA_DIR.value, split="train")
    options = {
        "crops": calibration_crops(pairs, tile, _CALIBRATION.value),
        "crops_from": f"{_DATASET.value}, train",
    }
    writer = LiteRTWriter(device, folder, tile)
    for mode in TOLERANCES:
        yield lambda mode=mode: writer.write(mode, **options)
    yield lambda: writer.write("int8", uint8=True, **options)


if __name__ == "__main__":
    app.run(main)
