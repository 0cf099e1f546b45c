"""Compilation for NPUs, as far as it goes without a vendor's compiler."""

import re
from unittest import mock

import pytest

from egnet_tf.errors import InputError
from export.npu import VENDORS, chip, compile_for
from helpers import ROOT, call

SHIPPED = ROOT / "egnet_tf/weights/egnet_mobile/egnet_mobile_int8.tflite"

# LiteRT's targets need StrEnum, which came with Python 3.11.
pytest.importorskip("ai_edge_litert.aot.vendors.qualcomm.target")


def test_chips_are_those_that_litert_knows():
    from ai_edge_litert.aot.vendors.mediatek import target as mediatek

    assert chip("mediatek:MT6991") == mediatek.Target(mediatek.SocModel.MT6991)
    for vendor in VENDORS:
        with pytest.raises(InputError, match=rf"of {vendor}: .*Received: {vendor}:x"):
            chip(f"{vendor}:x")


@pytest.mark.process
def test_without_the_vendors_compiler_one_line_says_so(tmp_path):
    words = [f"--file={SHIPPED}", "--target=qualcomm:SM8750", f"--output={tmp_path}/x"]
    done = call("export.npu", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"error: .*compilers.* qualcomm:SM8750: .*\n", done.stderr)
    assert not (tmp_path / "x").exists()


def test_compiled_file_gets_its_name(tmp_path):
    """With what a compiler would give in place of the compiler."""
    from ai_edge_litert.aot.core import aot_types

    model = aot_types.Model.create_from_path(SHIPPED)
    result = aot_types.CompilationResult(models_with_backend=[(mock.Mock(), model)])
    with mock.patch(
        "ai_edge_litert.aot.aot_compile.aot_compile", lambda *_, **__: result
    ):
        compile_for(chip("qualcomm:SM8750"), SHIPPED, tmp_path / "npu" / "x.tflite")
    assert [path.name for path in tmp_path.rglob("*.*")] == ["x.tflite"]
    assert (tmp_path / "npu" / "x.tflite").read_bytes() == SHIPPED.read_bytes()
