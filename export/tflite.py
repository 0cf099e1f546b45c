"""Writes LiteRT files: python -m export.tflite --model=runs/quickstart --output=dist.

One file a mode, `<model>_float32.tflite` and `<model>_float16.tflite`: a tile of
fixed size, batch 1, builtin operators only. Each is run on photographs against the
Keras model before it is put in its place; a file that differs more than its mode
allows is not written.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from egnet_tf import commands, models
from egnet_tf.inference.litert_runner import LiteRTRunner
from export.litert_conversion import TOLERANCES, convert
from export.parity import write_checked
from export.tile_model import TILE, tile_model

_MODEL = flags.DEFINE_string(
    "model", None, "a run's folder, or a variant", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "folder for the files", required=True)
_MODES = flags.DEFINE_multi_enum("mode", list(TOLERANCES), list(TOLERANCES), "which")
_TILE = flags.DEFINE_integer("tile", TILE, "side of the tile in pixels", 16)
_BRANCHES = flags.DEFINE_list(
    "branches",
    ["whole"],
    "of the self-ensemble; half,whole,quarters takes 2.25 times as long on the device",
)


def main() -> None:
    """Writes a file for each mode and says how large and how exact it is."""
    folder, source = Path(_OUTPUT.value), Path(_MODEL.value)
    weights = models.find_weights(_MODEL.value)
    model = tile_model(weights, _BRANCHES.value, _TILE.value)

    def restore(image):
        return model.predict_on_batch(image)["restored"]

    folder.mkdir(parents=True, exist_ok=True)
    for mode in _MODES.value:
        path = folder / f"{source.resolve().name}_{mode}.tflite"
        content = convert(model, mode)
        difference = write_checked(
            path, content, LiteRTRunner, restore, _TILE.value, TOLERANCES[mode]
        )
        print(
            f"{path}: {path.stat().st_size / 1e6:.2f} MB, largest difference from "
            f"Keras {difference:.1e} (at most {TOLERANCES[mode]:g}) on photographs"
        )


if __name__ == "__main__":
    commands.run(main)
