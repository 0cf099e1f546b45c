"""The command `egnet`: `egnet deblur photo.jpg` runs `egnet_tf.deblur`."""

from __future__ import annotations

import ast
import importlib.util
import re
import runpy
import sys
from pathlib import Path

COMMANDS = {
    "deblur": "egnet_tf.deblur",
    "deblur_many": "egnet_tf.deblur_many",
    "train": "egnet_tf.train",
    "evaluate": "egnet_tf.evaluate",
    "models": "egnet_tf.models.__main__",
    "prepare": "egnet_tf.prepare",
    "import_torch": "egnet_tf.import_torch",
    "publish": "egnet_tf.publish",
    "ablations": "egnet_tf.paper.ablations",
    "table1": "egnet_tf.paper.table1",
    "table5": "egnet_tf.paper.table5",
    "figures": "egnet_tf.paper.figures",
    "report": "egnet_tf.paper.report",
    "benchmarks": "egnet_tf.benchmarks",
    "export tflite": "export.tflite",
    "export onnx": "export.onnx",
    "export openvino": "export.openvino",
    "export saved_model": "export.saved_model",
    "export npu": "export.npu",
    "export all": "export.all",
    "client": "export.serving.client",
}
"""What follows `egnet`, and the module it runs; `installed` gives its name here."""


def main() -> None:
    """Runs the command that the first words name, or lists all commands."""
    words = sys.argv[1:]
    for name, module in COMMANDS.items():
        count = len(name.split())
        if " ".join(words[:count]) == name:
            sys.argv = [f"egnet {name}", *words[count:]]
            runpy.run_module(installed(module), run_name="__main__", alter_sys=True)
            return
    if words and words[0] not in ("--help", "-h"):
        given = " ".join(words[:2] if words[0] == "export" else words[:1])
        sys.exit(f"error: Expected a command (try egnet --help). Received: {given!a}")
    print("EGNet: image deblurring with an enhanced gradient network.\n")
    for name, module in COMMANDS.items():
        print(f"  egnet {name:<20}{_about(module)}")
    print("\negnet COMMAND --help explains a command and its flags.")


def installed(module: str) -> str:
    """The name of a command's module: a wheel has export/ as egnet_tf.export."""
    package = module.partition(".")[0]
    inside = package == "export" and importlib.util.find_spec("egnet_tf.export")
    return f"egnet_tf.{module}" if inside else module


def _about(module: str) -> str:
    """The first sentence of a module's docstring, without importing the module."""
    spec = importlib.util.find_spec(installed(module))
    if spec is None or spec.origin is None:
        return "(not installed)"
    path = Path(spec.origin)
    if path.name == "__init__.py":
        path = path.with_name("__main__.py")
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return re.split(r"[.:](?:\s|$)", text, maxsplit=1)[0] + "."


if __name__ == "__main__":
    main()
