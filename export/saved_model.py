"""Writes a SavedModel: python -m export.saved_model --model=egnet --output=models/x.

The next version, models/x/1, 2, ..., for TensorFlow Serving and for
`tf.saved_model.load`: images of any size, as floats or as the bytes of JPEG and PNG
files. It is run on photographs, in a process that knows TensorFlow alone, against the
Keras model before it is put in its place.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from egnet_tf.cli import app
from egnet_tf.cli.table import aligned
from export.checks.source import open_source
from export.checks.table import row
from export.saved_model_writer import write_version
from export.serving_signatures import MAX_PIXELS

_MODEL = flags.DEFINE_string(
    "model", None, "a run's folder, or a variant", required=True
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "folder of the model's versions", required=True
)
_BRANCHES = flags.DEFINE_list(
    "branches",
    None,
    "of the self-ensemble; by default those it was trained for. whole takes 1/2.25 of "
    "the time of the paper's three",
)
_MAX_PIXELS = flags.DEFINE_integer(
    "max_pixels", MAX_PIXELS, "of a request; more are refused", 1
)
_DATASET = flags.DEFINE_string("dataset", "samples", "photographs for the check")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "folder of the dataset")
_CHECKED = flags.DEFINE_integer("checked", 4, "the most windows of the check", 1)

# No multiple of anything: padding and cropping are checked too.
_WINDOW = (203, 251)


def main() -> None:
    """Writes the next version and prints how large and how exact it is."""
    source = open_source(
        _MODEL.value,
        branches=_BRANCHES.value,
        dataset=_DATASET.value,
        data_dir=_DATA_DIR.value,
        size=_WINDOW,
        limit=_CHECKED.value,
    )
    print(aligned([row(write_version(source, Path(_OUTPUT.value), _MAX_PIXELS.value))]))


if __name__ == "__main__":
    app.run(main)
