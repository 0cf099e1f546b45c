"""What holds for every command, whichever it is."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from absl import flags

from egnet_tf.benchmarks.__main__ import MEASUREMENTS
from egnet_tf.benchmarks.__main__ import command as measurement
from egnet_tf.cli import app
from egnet_tf.cli.main import COMMANDS
from helpers import ROOT, call, command, python


def discovered():
    """The modules that define flags for a command line, found without a list."""
    for package in ("egnet_tf", "export"):
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            path = ROOT / module.name.replace(".", "/")
            file = path / "__init__.py" if module.ispkg else path.with_suffix(".py")
            if re.search(r"^    app\.run\(define_flags", file.read_text(), re.M):
                yield module.name


MODULES = sorted(discovered())


def assert_help(define_flags, text):
    values = flags.FlagValues()
    define_flags(values)
    assert len(values)
    for name in values:
        assert re.search(rf"^  --(\[no])?{name}( |$)", text, re.M), name
        sentences = app.help_text(values[name])
        assert re.fullmatch(r"(?s)([A-Z\d]|--).*\.", sentences), (
            f"--{name}: {sentences}"
        )


@pytest.mark.parametrize("module", MODULES)
def test_help_shows_every_flag_in_one_style(module):
    done = call(module, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert_help(importlib.import_module(module).define_flags, done.stdout)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_help_of_a_measurement_shows_every_flag(name, capsys):
    define_flags, measure = measurement(name)
    assert app.call(define_flags, measure, ["--help"]) == 0
    assert_help(define_flags, capsys.readouterr().out)


def test_all_commands_are_listed():
    # They write files of this project, and are none of a user's.
    fits = {"egnet_tf.metrics.fit_blur", "egnet_tf.metrics.fit_noreference"}
    assert {*MODULES, "egnet_tf.benchmarks"} - fits == set(COMMANDS.values())


def egnet(*words):
    return command("egnet_tf.cli.main", *words)


@pytest.mark.process
def test_egnet_lists_its_commands_and_runs_them():
    listed = egnet("--help").stdout
    for name in COMMANDS:
        assert re.search(rf"^  egnet {name} +[A-Z].*\.$", listed, re.M), name
    done = egnet("deblur", "none.jpg")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "error: Expected an image or a folder. Received: none.jpg"
    )
    assert egnet("deblurr").stderr.endswith("Received: 'deblurr'\n")


RUN = """
import atexit, runpy, sys
module, missing = sys.argv[1:3]
del sys.argv[1:3]
sys.modules[missing] = None
atexit.register(lambda: print("tensorflow" in sys.modules))
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


@pytest.mark.process
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("deblur none.jpg", "Expected an image or a folder. Received: none.jpg"),
        ("deblur broken.jpg", "Received: an empty file, broken.jpg"),
        ("deblur none.mp4", "No such file or directory: none.mp4"),
        ("deblur broken.mp4", "the extra video: pip install "),
        ("deblur --modle=x a.jpg", "Did you mean: model"),
        ("deblur --model=none broken.jpg", "Received: none"),
        ("deblur --model=broken.tflite broken.jpg", "Received: broken.tflite"),
        ("deblur --tile=-1 broken.jpg", "at least 0 for --tile"),
        ("deblur --branches=half,third broken.jpg", "a branch of half, whole,"),
        ("deblur_many --output=x", "Expected --input=FOLDER. Received: nothing"),
        ("deblur_many --input=. --output=x --model=none", "Received: none"),
        ("deblur_many --input=. --output=x", "the extra beam: pip install "),
        ("evaluate --model=none", "Received: none"),
        ("evaluate --model=egnet_mobile --dataset=coco", "Received: coco"),
        ("evaluate --model=egnet_mobile --dataset=gopro", "--data_dir=FOLDER"),
        ("evaluate --model=egnet_mobile --protocol=x", "--protocol. Received: x"),
        ("prepare --dataset=coco --output=x", "Received: coco"),
        ("train --run=x --variant=egnett", "--variant. Received: egnett"),
        ("train --run=x --backbone_step=1", "Did you mean: backbone_steps"),
        ("train --run=x --dataset=coco --backbone_steps=1", "Received: coco"),
        ("train --run=x --init_weights=no --egn_steps=1", "Received: no"),
        ("train --run=run --backbone_steps=3", "--backbone_steps: 0 -> 3"),
        ("import_torch --checkpoint=none --run=x", "Received: none"),
        ("import_torch --checkpoint=broken.jpg --run=x", "an empty file"),
        ("benchmarks photo --model=none", "Received: none"),
        ("paper.table5 --model=egnet_mobile --dataset=coco", "Received: coco"),
        ("paper.figures --kind=x", "for --kind. Received: x"),
        ("paper.ablations none.flags --output=x", "none.flags"),
        ("paper.report none", "Received: none"),
        ("export.tflite --model=none --output=x", "Received: none"),
        ("export.npu --output=x --target=qualcomm:SM8750", "--file"),
        ("export.npu --file=none --output=x --target=qualcomm:X", "Received: none"),
        ("export.npu --file=broken.tflite --output=x --target=x:Y", "Received: x:Y"),
        (
            "export.tflite --model=egnet_mobile --output=x --dataset=coco",
            "Received: coco",
        ),
    ],
)
def test_wrong_calls_are_refused_without_tensorflow(words, message, tmp_path):
    for name in ("broken.jpg", "broken.mp4", "broken.tflite"):
        (tmp_path / name).touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.flags").write_text("--crop=32\n")
    (tmp_path / "run" / "metrics.csv").touch()
    name, *words = words.split()
    module = name if name.startswith("export") else f"egnet_tf.{name}"
    missing = {"import_torch": "torch", "deblur_many": "apache_beam"}.get(name, "av")
    done = python("-c", RUN, module, missing, *words, cwd=tmp_path)
    assert done.returncode == 1
    assert re.fullmatch(r"error: .*\n", done.stderr)
    assert message in done.stderr
    assert done.stdout == "False\n"
    assert not Path(tmp_path, "x").exists()
