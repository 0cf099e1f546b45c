import ast
import importlib
import inspect
import json
from pathlib import Path

import pytest

import egnet_tf
from helpers import python


def run_python(code, **env):
    """Runs code where no backend has been chosen, unless env names one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("KERAS_BACKEND", raising=False)
        return python("-c", code, **env)


@pytest.mark.process
def test_importing_the_package_is_light_and_chooses_the_backend():
    done = run_python(
        "import os, sys, egnet_tf\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'cv2'} & set(sys.modules)\n"
        "print(heavy, os.environ['KERAS_BACKEND'])"
    )
    assert done.stdout == "set() tensorflow\n", done.stderr


def test_public_names_are_exported():
    names = set(dir(egnet_tf)) - {"__version__"}
    assert {"build", "load", "Restorer", "EGNConfig", "Enhancer"} < names
    assert {"EGNetLoss", "GradientMap", "gradient_map", "self_ensemble"} < names
    for name in names:
        assert getattr(egnet_tf, name).__module__.startswith("egnet_tf.")
    with pytest.raises(AttributeError, match="no attribute 'restore'"):
        _ = egnet_tf.restore


@pytest.mark.parametrize(
    "package", ["egnet_tf", "egnet_tf.inference", "egnet_tf.models"]
)
def test_lazy_names_are_those_that_type_checkers_see(package):
    module = importlib.import_module(package)
    (for_checkers,) = (
        statement
        for statement in ast.parse(Path(module.__file__).read_text()).body
        if isinstance(statement, ast.If)
    )
    seen = {
        (node.module, alias.asname)
        for node in for_checkers.body
        for alias in node.names
    }
    homes = module._HOMES.items()
    assert seen == {(home, name) for home, names in homes for name in names}
    for _, name in seen:
        assert not inspect.ismodule(getattr(module, name))


@pytest.mark.process
def test_configs_variants_and_losses_need_no_tensorflow():
    done = run_python(
        "import sys\n"
        "from egnet_tf.loss_weights import LOSSES\n"
        "from egnet_tf.inference.resolve import resolve\n"
        "from egnet_tf.models import EGNConfig, read_variant, variant\n"
        "weights = resolve('egnet_mobile').weights()\n"
        "assert read_variant(weights) == variant('egnet_mobile')\n"
        "print({'tensorflow', 'keras', 'numpy', 'h5py'} & set(sys.modules))"
    )
    assert done.stdout == "set()\n", done.stderr


IMPORTED = (
    "import sys, types\n"
    "keras = sys.modules['keras'] = types.ModuleType('keras')\n"
    "keras.backend = types.SimpleNamespace(\n"
    "    backend=lambda: {!r},\n"
    "    image_data_format=lambda: {!r},\n"
    "    floatx=lambda: {!r})\n"
    "import egnet_tf"
)


@pytest.mark.process
@pytest.mark.parametrize(
    "settings",
    [
        ("torch", "channels_last", "float32"),
        ("tensorflow", "channels_first", "float32"),
        ("tensorflow", "channels_last", "float16"),
    ],
    ids=" ".join,
)
def test_keras_imported_earlier_with_other_settings_is_refused(settings):
    done = run_python(IMPORTED.format(*settings))
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: egnet_tf needs Keras on TensorFlow")
    assert last.endswith(f"Received: {', '.join(settings)}")


@pytest.mark.slow
@pytest.mark.process
def test_package_settings_override_those_of_the_user(tmp_path):
    settings = {
        "backend": "jax",
        "image_data_format": "channels_first",
        "floatx": "float16",
        "epsilon": 1e-7,
    }
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    done = run_python(
        "import numpy as np\n"
        "from egnet_tf.models import build\n"
        "network = build('egnet_testing')\n"
        "stage3 = network.output['stage3']\n"
        "print(stage3.shape, network(np.zeros((1, 8, 8, 3)))['stage3'].dtype.name)",
        KERAS_BACKEND="jax",
        KERAS_HOME=str(tmp_path),
    )
    assert done.stdout == "(None, None, None, 3) float32\n", done.stderr
