"""Runs an exported model in a clean process.

python -m export.checks.subprocess_run FILE IMAGES.npz RESTORED.npz

FILE is a .tflite or .onnx file or the folder of an OpenVINO model or a SavedModel; the
arrays in IMAGES are float32 (1, H, W, 3) in [0, 1]. A SavedModel is loaded by
TensorFlow alone, without importing anything of this project.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np


class RunError(Exception):
    """The process failed; the message is its last line or its signal."""


def run_in_subprocess(file: Path, images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Restores images with an exported file in a process of its own.

    The images are float32 (1, H, W, 3) in [0, 1], of sizes that the file takes; as many
    of the same shapes are returned.

    Raises:
        RunError: the file cannot be loaded or run.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, result = Path(folder, "given.npz"), Path(folder, "result.npz")
        np.savez(given, *images)
        # The folder that holds this package, under the name that it has here.
        root = str(Path(__file__).parents[__name__.count(".")])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-m", __name__, file, given, result],
            env={**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
        )
        if done.returncode < 0:
            raise RunError(signal.Signals(-done.returncode).name)
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            raise RunError(lines[-1] if lines else f"exit code {done.returncode}")
        with np.load(result) as arrays:
            return [arrays[name] for name in arrays.files]


def open_file(file: Path) -> Callable[[np.ndarray], object]:
    """Returns the function of an exported file: float32 (1, H, W, 3) -> restored."""
    if file.suffix == ".tflite":
        from egnet_tf.inference.runners.litert import LiteRTRunner

        return LiteRTRunner(file)
    if file.suffix == ".onnx":
        from egnet_tf.inference.runners.onnx import OnnxRunner

        return OnnxRunner(file)
    for graph in file.glob("*.xml"):
        from egnet_tf.inference.runners.openvino import OpenVINORunner

        return OpenVINORunner(graph)
    import tensorflow as tf

    loaded = tf.saved_model.load(str(file))
    signature = loaded.signatures["serving_default"]
    # The closure keeps `loaded`, without which the signature's constants are freed.
    return lambda image: loaded and signature(image=tf.constant(image))["restored"]


def _main(file: str, given: str, result: str) -> None:
    restore = open_file(Path(file))
    with np.load(given) as images:
        restored = [np.asarray(restore(images[name])) for name in images.files]
    np.savez(result, *restored)


if __name__ == "__main__":
    _main(*sys.argv[1:])
