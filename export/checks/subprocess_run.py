"""Runs an exported file as a stranger would: in a process of its own.

python -m export.checks.subprocess_run FILE IMAGES.npz RESTORED.npz

FILE is a .tflite file, an .onnx file or the folder of a SavedModel; the arrays of
IMAGES are float32 (1, H, W, 3) in [0, 1]. A SavedModel is loaded by TensorFlow
alone: nothing of this project is imported then.
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
    """The process failed; its message says how."""


def run_fresh(file: Path, images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Restores images with an exported file in a fresh process.

    Args:
        file: see the module.
        images: float32 (1, H, W, 3) in [0, 1], of sizes that the file takes.

    Returns:
        As many arrays of the same shapes.

    Raises:
        RunError: the file cannot be loaded or run.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, result = Path(folder, "given.npz"), Path(folder, "result.npz")
        np.savez(given, *images)
        here = str(Path(__file__).parents[1])
        path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-m", "export.checks.subprocess_run", file, given, result],
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


def opened(file: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The function float32 (1, H, W, 3) -> restored of an exported file."""
    if file.suffix == ".tflite":
        from egnet_tf.inference.runners.litert import LiteRTRunner

        return LiteRTRunner(file)
    if file.suffix == ".onnx":
        from egnet_tf.inference.runners.onnx import OnnxRunner

        return OnnxRunner(file)
    import tensorflow as tf

    loaded = tf.saved_model.load(str(file))
    signature = loaded.signatures["serving_default"]
    # The signature's constants live as long as what was loaded: kept by the closure.
    return lambda image: loaded and signature(image=tf.constant(image))["restored"]


def _main(file: str, given: str, result: str) -> None:
    restore = opened(Path(file))
    with np.load(given) as images:
        restored = [np.asarray(restore(images[name])) for name in images.files]
    np.savez(result, *restored)


if __name__ == "__main__":
    _main(*sys.argv[1:])
