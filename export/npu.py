"""Compiles a .tflite file for NPUs, ahead of time.

    python -m export.npu --file=dist/egnet_mobile_int8_full.tflite --output=dist/npu
        --target=qualcomm:SM8750,mediatek:MT6991

writes dist/npu/egnet_mobile_int8_full_qualcomm_SM8750.tflite and so on: the same file
with the parts that the NPU runs replaced by the vendor's code. LiteRT does it by the
vendor's compiler, which `ai-edge-litert-sdk-<vendor>` installs. None of them could be
had where this was written: it was run up to where the compiler is looked for, no file
has been compiled, and none has been tried on an NPU.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import tempfile
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from egnet_tf.cli import app, flags
from egnet_tf.errors import InputError
from egnet_tf.files import replacing
from egnet_tf.options import option

VENDORS = ("google_tensor", "intel_openvino", "mediatek", "qualcomm", "samsung")


@dataclasses.dataclass(frozen=True)
class Options:
    """What to compile, for which chips, and where to."""

    file: str = option("", "The .tflite file, best one of --mode=int8_full.")
    target: tuple[str, ...] = option(
        (),
        "The chips as vendor:model, such as qualcomm:SM8750. Vendors: "
        f"{', '.join(VENDORS)}.",
    )
    output: str = option("", "The folder to write to.")


def define_flags(values: FlagValues) -> None:
    """Defines the flags of the command."""
    flags.define(Options, values)


def main(values: FlagValues) -> None:
    """Writes a file for each chip, and names those that were not compiled."""
    options = flags.read(Options, values)
    for name in ("file", "target", "output"):
        if not getattr(options, name):
            raise InputError(f"Expected --{name}. Received: nothing")
    file = Path(options.file)
    if not file.is_file() or file.suffix != ".tflite":
        raise InputError(f"Expected a .tflite file. Received: {options.file}")
    chips = {name: chip(name) for name in options.target}
    failed = []
    for name, target in chips.items():
        path = Path(options.output, f"{file.stem}_{name.replace(':', '_')}.tflite")
        try:
            compile_for(target, file, path)
        except InputError as error:
            failed.append(f"{name}: {error}")
        else:
            print(app.shown(path))
    if failed:
        raise InputError(
            "Expected the compilers of the vendors "
            "(pip install ai-edge-litert-sdk-<vendor>). "
            f"Received: {'; '.join(failed)}"
        )


def chip(name: str) -> Any:
    """The target of `ai_edge_litert.aot` that "vendor:model" names.

    Raises:
        InputError: there is no such vendor or model, or LiteRT cannot compile here.
    """
    vendor, _, model = name.partition(":")
    if vendor not in VENDORS:
        raise InputError(
            f"Expected vendor:model, one of {', '.join(VENDORS)}. Received: {name}"
        )
    try:
        module = importlib.import_module(f"ai_edge_litert.aot.vendors.{vendor}.target")
    except ModuleNotFoundError as error:
        raise InputError(
            f"Expected a LiteRT that compiles for {vendor}. Received: {error}"
        ) from error
    models = [str(model) for model in module.SocModel if str(model) != "ALL"]
    if model not in models:
        raise InputError(
            f"Expected a chip of {vendor}: {', '.join(models)}. Received: {name}"
        )
    return module.Target(module.SocModel(model))


def compile_for(target: Any, file: Path, path: Path) -> None:
    """Compiles a file for a target and writes it atomically.

    Raises:
        InputError: the vendor's compiler is missing or fails; nothing is written.
    """
    from ai_edge_litert.aot.aot_compile import aot_compile

    with tempfile.TemporaryDirectory() as folder:
        # What it prints would stand before the one line that says what went wrong.
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            compiled = aot_compile(str(file), output_dir=folder, target=target)
        if compiled.failed_backends:
            _, reason = compiled.failed_backends[0]
            raise InputError(reason.strip().splitlines()[-1])
        (model,) = compiled.models
        with replacing(path) as temporary:
            model.save(temporary, export_only=True)


if __name__ == "__main__":
    app.run(define_flags, main)
