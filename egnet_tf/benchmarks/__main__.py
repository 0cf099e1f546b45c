"""Measures what things cost on this machine.

python -m egnet_tf.benchmarks --what=model --variants=egnet,mprnet --sizes=256,720x1280

model      size, run time and memory of networks: the paper's Table 2
attention  position attention by blocks against the whole matrix at once
recompute  memory of a training step with and without --recompute
layout     run time of mprnet before and after two changes of its graph
input      how fast training crops come out of files of different forms
tflite     run time and memory of exported files, .onnx too, beside their Keras model:
           --what=tflite --model=runs/quickstart --files=runs/quickstart/export
photo      memory of deblurring a photo from file to file, by its size
seams      steps across the borders of tiles against the image restored whole

docs/cost.md says what was measured with it, and on what machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from absl import flags

from egnet_tf.benchmarks.attention import measure_attention
from egnet_tf.benchmarks.input import FORMS, measure_input
from egnet_tf.benchmarks.layout import measure_layout
from egnet_tf.benchmarks.model import measure_model
from egnet_tf.benchmarks.networks import parse_size
from egnet_tf.benchmarks.photo import measure_photo
from egnet_tf.benchmarks.recompute import measure_recompute
from egnet_tf.benchmarks.seams import measure_seams
from egnet_tf.benchmarks.tflite import find_files, measure_files
from egnet_tf.cli import app
from egnet_tf.cli.table import aligned, write_csv
from egnet_tf.errors import InputError
from egnet_tf.images.read import read_image

_PRECISIONS = ("float32", "mixed_bfloat16")

_WHAT = flags.DEFINE_enum(
    "what",
    None,
    ["model", "attention", "recompute", "layout", "input", "tflite", "photo", "seams"],
    "What to measure.",
    required=True,
)
_VARIANTS = flags.DEFINE_list(
    "variants",
    None,
    "Networks. By default egnet and mprnet; egnet for recompute, mprnet for layout.",
)
_SIZES = flags.DEFINE_list(
    "sizes", ["256"], "Sizes of the image: 256, or height x width as 720x1280."
)
_PRECISION = flags.DEFINE_list(
    "precision",
    None,
    f"Of the networks: {', '.join(_PRECISIONS)}. By default both for model, float32 "
    "for recompute.",
)
_JIT_COMPILE = flags.DEFINE_bool("jit_compile", False, "model: compile with XLA.")
_REPETITIONS = flags.DEFINE_integer("repetitions", 5, "Timed runs.", lower_bound=1)
_POSITIONS = flags.DEFINE_integer(
    "positions", 14_400, "attention: queries, and as many keys.", lower_bound=1
)
_CHANNELS = flags.DEFINE_integer(
    "channels", 192, "attention: of queries, keys and values.", lower_bound=1
)
_BLOCK = flags.DEFINE_integer(
    "block", 1024, "attention: queries at a time.", lower_bound=1
)
_FORMS = flags.DEFINE_list(
    "forms", ["png", "shards"], f"input: forms of the files, of {', '.join(FORMS)}."
)
_MODEL = flags.DEFINE_string(
    "model",
    None,
    "tflite, photo, seams: a run's folder or a variant; for tflite what the files came "
    "from.",
)
_FILES = flags.DEFINE_list(
    "files", [], "tflite: .tflite and .onnx files of one tile, or folders with them."
)
_MEGAPIXELS = flags.DEFINE_list(
    "megapixels", ["12", "50"], "photo: sizes of the photos."
)
_MEMORY_LIMIT = flags.DEFINE_float(
    "memory_limit", 1.0, "photo: GiB, as of deblur.", lower_bound=0.0
)
_PHOTO = flags.DEFINE_string("photo", None, "seams: an image.")
_TILES = flags.DEFINE_list("tiles", ["256"], "seams: sides of the tiles in pixels.")
_OVERLAP = flags.DEFINE_integer(
    "overlap",
    None,
    "seams: as of deblur, a quarter of a tile, at most 64.",
    lower_bound=0,
)
_OUTPUT = flags.DEFINE_string("output", None, "A CSV file for the same rows.")


def main() -> None:
    """Measures, prints the table and writes it if asked."""
    rows = list(_measured())
    print(aligned(rows))
    if _OUTPUT.value:
        write_csv(Path(_OUTPUT.value), rows)


def _measured() -> Iterator[NamedTuple]:
    sizes = [parse_size(size) for size in _SIZES.value]
    match _WHAT.value:
        case "model":
            precisions = _precisions(_PRECISIONS)
            for variant in _VARIANTS.value or ("egnet", "mprnet"):
                for size in sizes:
                    yield from measure_model(
                        variant,
                        size,
                        precisions,
                        _JIT_COMPILE.value,
                        _REPETITIONS.value,
                    )
        case "attention":
            yield from measure_attention(
                _POSITIONS.value, _CHANNELS.value, _BLOCK.value, _REPETITIONS.value
            )
        case "recompute":
            for variant in _VARIANTS.value or ("egnet",):
                for size in sizes:
                    for precision in _precisions(("float32",)):
                        yield from measure_recompute(
                            variant, size, precision, _REPETITIONS.value
                        )
        case "layout":
            for variant in _VARIANTS.value or ("mprnet",):
                for size in sizes:
                    yield from measure_layout(variant, size, _REPETITIONS.value)
        case "input":
            yield from measure_input(forms=_FORMS.value)
        case "tflite":
            yield from measure_files(
                _model(), find_files(_FILES.value), _REPETITIONS.value
            )
        case "photo":
            sizes = _numbers(_MEGAPIXELS, float)
            yield from measure_photo(_model(), sizes, int(_MEMORY_LIMIT.value * 2**30))
        case "seams":
            if _PHOTO.value is None:
                raise InputError("Expected --photo for --what=seams. Received: none")
            yield from measure_seams(
                _model(),
                read_image(_PHOTO.value),
                _numbers(_TILES, int),
                _OVERLAP.value,
            )


def _model() -> str:
    if _MODEL.value is None:
        raise InputError(f"Expected --model for --what={_WHAT.value}. Received: none")
    return _MODEL.value


def _numbers(flag: flags.FlagHolder, kind: type) -> list:
    try:
        return [kind(word) for word in flag.value]
    except ValueError:
        raise InputError(
            f"Expected numbers in --{flag.name}. Received: {','.join(flag.value)}"
        ) from None


def _precisions(default: Sequence[str]) -> Sequence[str]:
    chosen = _PRECISION.value or default
    if not set(chosen) <= set(_PRECISIONS):
        raise InputError(
            f"Expected a precision of {', '.join(_PRECISIONS)}. "
            f"Received: {', '.join(chosen)}"
        )
    return chosen


if __name__ == "__main__":
    app.run(main)
