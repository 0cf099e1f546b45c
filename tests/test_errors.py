"""What is said where an extra of the package is not installed."""

import json
import re
import shlex
import shutil
import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from egnet_tf import errors
from egnet_tf.errors import InputError, missing_extra, require
from helpers import ROOT, python

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]


def advised(error):
    """The requirement in a message: what a shell hands to pip."""
    (command,) = re.findall(r": (pip install .*)\. Received: ", str(error))
    pip, install, requirement = shlex.split(command.removesuffix(" in a checkout"))
    assert (pip, install) == ("pip", "install")
    return requirement


def test_modules_belong_to_extras_that_there_are():
    assert set(errors._EXTRAS.values()) <= set(EXTRAS)
    for module, extra in errors._EXTRAS.items():
        # Of torch and onnx, modules and distributions have one name; of cv2 not.
        names = " ".join(EXTRAS[extra]).replace("-", "_")
        alias = {"cv2": "opencv", "grpc": "grpcio", "skimage": "scikit_image"}
        assert alias.get(module, module).replace("sklearn", "scikit_learn") in names


def test_advice_in_the_checkout_is_the_folder_itself(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    assert advised(missing_extra("train")) == ".[train]"
    monkeypatch.chdir(tmp_path)
    assert advised(missing_extra("train")) == f"{ROOT}[train]"


@pytest.mark.parametrize(
    ("source", "requirement"),
    [
        ({"dir_info": {}, "url": "{here}"}, "egnet-tf[video] @ {here}"),
        ({"archive_info": {}, "url": "https://x.y/a%20b.whl"}, "https://x.y/a%20b.whl"),
        (
            {
                "vcs_info": {"vcs": "git", "requested_revision": "v1"},
                "url": "https://x.y/z.git",
            },
            "egnet-tf[video] @ git+https://x.y/z.git@v1",
        ),
        ({"dir_info": {}, "url": "file:///nowhere/at/all"}, ".[video]"),
        (None, ".[video]"),
    ],
)
def test_advice_elsewhere_is_where_pip_found_the_package(
    source, requirement, monkeypatch, tmp_path
):
    here = (tmp_path / "it's here").absolute()
    here.mkdir()

    class Installed:
        def read_text(self, name):
            assert name == "direct_url.json"
            text = json.dumps(source) if source else None
            return text and text.replace("{here}", here.as_uri())

    monkeypatch.setattr(errors, "_CHECKOUT", tmp_path)
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed())
    found = advised(missing_extra("video", "av"))
    assert found.endswith(requirement.replace("{here}", here.as_uri()))
    if "@" in found:
        assert Requirement(found).extras == {"video"}


def test_missing_modules_are_named_with_their_extra(monkeypatch):
    require("json", "tensorflow")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        InputError, match=r"the extra onnx: .* Received: no module onnxruntime$"
    ):
        require("json", "onnxruntime")


WITHOUT = """
import sys
sys.modules.update(dict.fromkeys({hidden!r}))
{code}
"""
HIDDEN = (
    *("cv2", "h5py", "jinja2", "keras", "matplotlib", "skimage"),
    *("sklearn", "tensorboard", "tensorflow", "tifffile"),
)


def without_extras(code, *words, **options):
    return python("-c", WITHOUT.format(hidden=HIDDEN, code=code), *words, **options)


@pytest.mark.process
def test_public_names_name_the_extra_where_tensorflow_is_missing():
    done = without_extras(
        "import egnet_tf\n"
        "for name in dir(egnet_tf):\n"
        "    try:\n"
        "        getattr(egnet_tf, name)\n"
        "        print(name)\n"
        "    except ValueError as error:\n"
        "        print(name, type(error).__name__, error)\n",
        cwd=ROOT,
    )
    lines = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    for name in ("__version__", "load", "list_models", "Restorer", "EGNConfig"):
        assert lines.pop(name) == ""
    line = (
        r"InputError Expected the extra train: pip install (['\"])\.\[train\]\1\. "
        r"Received: no module (keras|tensorflow)"
    )
    assert {"build", "Enhancer", "EGNetLoss"} < set(lines)
    assert all(re.fullmatch(line, text) for text in lines.values()), lines


TRAIN = [
    "egnet_tf.train --run=x --backbone_steps=1",
    "egnet_tf.evaluate --model=egnet_mobile",
    "egnet_tf.prepare --output=x",
    "egnet_tf.import_torch --checkpoint=setup.py --run=x",
    "egnet_tf.deblur --tile=0 photo.png",
    "egnet_tf.deblur --local_pooling photo.png",
    "egnet_tf.deblur --branches=whole,flips photo.png",
    "egnet_tf.deblur --model=run photo.png",
    "egnet_tf.paper.ablations x.flags --output=x",
    "egnet_tf.paper.table5 --model=egnet_mobile",
    "egnet_tf.paper.report run",
    "egnet_tf.benchmarks model",
    "export.tflite --model=egnet_mobile --output=x",
    "export.onnx --model=egnet_mobile --output=x",
    "export.saved_model --model=egnet_mobile --output=x",
    "export.all --model=egnet_mobile --output=x",
]
RUN = (
    "import runpy\nmodule = sys.argv.pop(1)\n"
    "runpy.run_module(module, run_name='__main__', alter_sys=True)"
)


@pytest.mark.process
@pytest.mark.parametrize("words", TRAIN)
def test_commands_name_the_extra_in_one_line(words, tmp_path):
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    shipped = ROOT / "egnet_tf" / "weights" / "egnet_mobile"
    shutil.copytree(shipped, tmp_path / "run" / "weights")
    done = without_extras(RUN, *words.split(), cwd=tmp_path)
    assert done.returncode == 1
    line = (
        r"error: Expected the extra train: pip install (.*)\. Received: no module .*\n"
    )
    match = re.fullmatch(line, done.stderr)
    assert match, done.stderr
    assert match[1][1:-1] == f"{ROOT}[train]"
    assert not (tmp_path / "x").exists()


@pytest.mark.process
def test_shipped_weights_without_litert_name_the_extra_as_well(tmp_path):
    """As on Intel Macs, for which LiteRT has no wheels."""
    done = without_extras(
        "sys.modules['ai_edge_litert'] = None\n"
        "import egnet_tf\n"
        "try:\n    egnet_tf.load('egnet_mobile')\n"
        "except ValueError as error:\n    print(error)",
        cwd=tmp_path,
    )
    assert "Expected the extra train: pip install" in done.stdout, done.stderr


@pytest.mark.process
def test_shipped_weights_restore_without_any_extra(tmp_path):
    done = without_extras(
        "import numpy as np\n"
        "import egnet_tf\n"
        "image = np.random.default_rng(0).random((300, 200, 3), np.float32)\n"
        "restorer = egnet_tf.load('egnet_mobile')\n"
        "print(restorer(image).shape, restorer.plan(300, 200).tile)\n"
        "print(type(restorer.runner).__name__)\n"
        "assert egnet_tf.load('egnet_mobile', tile=256).plan(9, 9).tiles == 1\n",
        cwd=tmp_path,
    )
    assert done.stdout == "(300, 200, 3) (256, 256)\nLiteRTRunner\n", done.stderr
