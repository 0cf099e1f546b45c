import os
import subprocess
import sys

import pytest

import egnet_tf


def run_python(code, backend=None):
    env = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    if backend:
        env["KERAS_BACKEND"] = backend
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env=env)


def test_importing_is_light_and_chooses_the_backend():
    done = run_python(
        "import os, sys, egnet_tf\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'cv2'} & set(sys.modules)\n"
        "print(heavy, os.environ['KERAS_BACKEND'])"
    )
    assert done.stdout == "set() tensorflow\n", done.stderr


def test_the_public_names():
    assert set(egnet_tf.__all__) <= set(dir(egnet_tf))
    from egnet_tf.inference import Restorer, load
    from egnet_tf.models import build

    assert (egnet_tf.build, egnet_tf.load) == (build, load)
    assert egnet_tf.Restorer is Restorer
    with pytest.raises(AttributeError, match="no attribute 'restore'"):
        _ = egnet_tf.restore


@pytest.mark.parametrize(
    ("code", "backend"),
    [
        ("import egnet_tf", "jax"),
        (
            "import sys, types\n"
            "keras = sys.modules['keras'] = types.ModuleType('keras')\n"
            "keras.backend = types.SimpleNamespace(backend=lambda: 'torch')\n"
            "import egnet_tf",
            "tensorflow",
        ),
    ],
    ids=["set to another", "imported with another"],
)
def test_another_backend_is_refused_in_one_line(code, backend):
    done = run_python(code, backend)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: egnet_tf needs Keras on TensorFlow")
    assert last.endswith(("Received: jax", "Received: torch"))
