"""The wheel, installed without an extra, where nothing of this checkout is to be found.

pip installs the wheel; what it depends on is linked from this environment, file by
file, so that no index is asked: exactly the distributions that a base install gets.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

from helpers import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.process,
    pytest.mark.skipif(os.name == "nt", reason="Windows links files for few users"),
]

UNWANTED = (
    *("tensorflow", "keras", "scikit-learn", "scikit-image", "opencv-python-headless"),
    *("opencv-python", "tensorboard", "jinja2", "h5py", "scipy", "tifffile"),
)


def run(*words, **options):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        [*map(str, words)], env=clean, capture_output=True, text=True, **options
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    for name in ("egnet_tf", "export"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation")
    done = run(*pip, "--no-index", "--wheel-dir", folder, source)
    assert done.returncode == 0, done.stderr
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def about(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode())


def closure(requirements):
    """The distributions that requirements bring in this environment, by name."""
    found, waiting, seen = {}, [(text, "") for text in requirements], set()
    while waiting:
        text, extra = waiting.pop()
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        one = metadata.distribution(requirement.name)
        found[requirement.name.lower().replace("_", "-")] = one
        for wanted in {"", *requirement.extras}:
            if (requirement.name, wanted) not in seen:
                seen.add((requirement.name, wanted))
                waiting += [(text, wanted) for text in one.requires or ()]
    return found


@pytest.fixture(scope="module")
def installed(wheel, about, tmp_path_factory):
    """The folder of the programs of a virtual environment with a base install."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    target = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    packages = Path(target.stdout.strip())
    for one in closure(about.get_all("Requires-Dist")).values():
        for file in one.files or ():
            place = packages / file
            if ".." not in file.parts and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(one.locate_file(file))
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-index")
    done = run(*pip, "--no-deps", wheel)
    assert done.returncode == 0, done.stderr
    return python.parent


def test_base_install_pulls_none_of_the_large_libraries(about):
    names = set(closure(about.get_all("Requires-Dist")))
    assert names >= {"numpy", "pillow", "ai-edge-litert"}
    assert not names & set(UNWANTED)


def test_wheel_holds_the_weights_and_says_what_it_is(wheel, about):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    shipped = {Path(n).name for n in names if "weights/egnet_mobile/" in n}
    assert {"network.weights.h5", "egnet_mobile_float16.tflite"} < shipped
    assert {"egnet_tf/paper/report_page.html", "egnet_tf/py.typed"} < set(names)
    assert "egnet_tf/export/serving/batching.config" in names
    # Nothing else at the top, where it would be everybody's `export` or `tests`.
    (top,) = {n.partition("/")[0] for n in names if ".dist-info/" not in n}
    assert top == "egnet_tf"
    modules = {
        p.relative_to(ROOT).as_posix() for p in (ROOT / "egnet_tf").rglob("*.py")
    }
    modules |= {
        f"egnet_tf/{p.relative_to(ROOT).as_posix()}"
        for p in (ROOT / "export").rglob("*.py")
    }
    assert {n for n in names if n.endswith(".py")} == modules
    assert about["License-Expression"] == "Apache-2.0"
    assert about["Requires-Python"] == "<3.14,>=3.10"
    assert not any("tests/" in n or "__pycache__" in n for n in names)


def test_base_install_restores_a_photo_in_an_empty_folder(installed, tmp_path):
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8))
    photo = small.resize((400, 300), Image.Resampling.BICUBIC)
    photo.save(tmp_path / "photo.png")
    done = run(installed / "egnet", "deblur", "photo.png", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    blur, restored = done.stdout.splitlines()
    assert re.match(r"photo\.png: \w+ blur, about .* px; restored: ", blur)
    assert restored == "restored: photo_restored.png"
    code = (
        "import sys, egnet_tf, numpy as np\n"
        "from PIL import Image\n"
        "photo = np.asarray(Image.open('photo.png'))\n"
        "restored = egnet_tf.load('egnet_mobile')(photo)\n"
        "assert not {'tensorflow', 'keras', 'cv2', 'h5py'} & set(sys.modules)\n"
        "Image.fromarray(restored).save('again.png')\n"
        "print(egnet_tf.__file__)\n"
    )
    done = run(installed / "python", "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(ROOT) not in done.stdout
    restored, again, blurry = (
        np.asarray(Image.open(tmp_path / name)).astype(int)
        for name in ("photo_restored.png", "again.png", "photo.png")
    )
    np.testing.assert_array_equal(restored, again)
    assert np.abs(restored - blurry).max() > 1


def test_base_install_names_the_extra_by_advice_that_pip_understands(
    wheel, installed, tmp_path
):
    done = run(installed / "egnet", "evaluate", "--model=egnet_mobile", cwd=tmp_path)
    assert done.returncode == 1
    line = r"error: Expected the extra train: pip install '(.*)'\. Received: no .*\n"
    match = re.fullmatch(line, done.stderr)
    assert match, done.stderr
    assert wheel.name in match[1]
    pip = (sys.executable, "-m", "pip", "--python", installed / "python", "install")
    asked = run(*pip, "--dry-run", "--no-deps", "--no-index", match[1])
    assert asked.returncode == 0, asked.stderr


def test_program_lists_and_explains_its_commands(installed, tmp_path):
    listed = run(installed / "egnet", cwd=tmp_path)
    assert (listed.returncode, listed.stderr) == (0, "")
    for name in re.findall(r"^  egnet (\w+(?: \w+)?) ", listed.stdout, re.M):
        done = run(installed / "egnet", *name.split(), "--help", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), name
