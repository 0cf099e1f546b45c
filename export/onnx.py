"""Writes an ONNX file: python -m export.onnx --model=runs/quickstart --output=dist.

Images of any size and batch, or with --tile tiles of one size. It is checked by
onnx.checker and run by onnxruntime on photographs, in a process of its own, against
the Keras model before it is put in its place. Needs the extra `onnx`.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from egnet_tf.cli import app
from egnet_tf.cli.table import aligned
from export.checks.source import open_source
from export.checks.table import row
from export.onnx_writer import write_onnx

_MODEL = flags.DEFINE_string(
    "model", None, "a run's folder, or a variant", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "folder for the file", required=True)
_TILE = flags.DEFINE_integer(
    "tile", None, "side of the one size it takes; by default any size", 16
)
_BRANCHES = flags.DEFINE_list(
    "branches", None, "of the self-ensemble; by default those it was trained for"
)
_DATASET = flags.DEFINE_string("dataset", "samples", "photographs for the check")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "folder of the dataset")
_CHECKED = flags.DEFINE_integer("checked", 4, "the most windows of the check", 1)

# No multiple of anything: padding and cropping are checked too.
_WINDOW = (203, 251)


def main() -> None:
    """Writes the file and prints how large and how exact it is."""
    tile = _TILE.value
    source = open_source(
        _MODEL.value,
        branches=_BRANCHES.value,
        dataset=_DATASET.value,
        data_dir=_DATA_DIR.value,
        size=(tile, tile) if tile else _WINDOW,
        limit=_CHECKED.value,
    )
    print(aligned([row(write_onnx(source, Path(_OUTPUT.value), tile))]))


if __name__ == "__main__":
    app.run(main)
