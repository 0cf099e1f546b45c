"""What tests of several packages share: commands, random images, a runner."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).parents[1]


class Done(NamedTuple):
    """What a command that ran in this process did."""

    returncode: int
    stdout: str
    stderr: str


def command(module: str, *words: object, cwd: Path | None = None, **env: str):
    """Runs `python -m module words...` in a process of its own."""
    return python("-m", module, *words, cwd=cwd, **env)


def python(*words: object, cwd: Path | None = None, **env: str):
    """Runs `python words...` in a process of its own."""
    return subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(**env),
    )


def start(
    module: str,
    *words: object,
    env: dict[str, str] | None = None,
    **options: Any,
):
    """Starts `python -m module words...`: to be killed, or to run beside others."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, words)],
        env=environment(**(env or {})),
        **options,
    )


def environment(**changes: str) -> dict[str, str]:
    """The environment that imports this checkout, and this file, from any folder."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", ""), str(ROOT / "tests")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **changes}


def call(module: str, *words: object) -> Done:
    """Runs a command's functions in this process, where none of its own is needed."""
    from egnet_tf.cli import app

    found = importlib.import_module(module)
    positional = getattr(found, "POSITIONAL", None)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = app.call(found.define_flags, found.main, [*map(str, words)], positional)
    return Done(code, out.getvalue(), err.getvalue())


def random_image(shape: tuple[int, ...], seed: int = 0, dtype=np.uint8) -> np.ndarray:
    """Noise of a shape: integers over their whole range, floats in [0, 1)."""
    rng = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.floating):
        return rng.random(shape, dtype=dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


class DarkeningRunner:
    """A runner of any size that halves every number.

    Attributes:
        batches: how many images each call restored.
    """

    size_multiple = 8
    tile = None
    bytes_per_pixel = 100.0
    device = "CPU, NumPy"

    def __init__(self):
        self.batches: list[int] = []

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3)."""
        self.batches.append(len(batch))
        return batch / 2


def weights(run: Path) -> dict[str, np.ndarray]:
    """All arrays of a run's weights, by file and name."""
    import h5py

    arrays = {}

    def add(file, name, item):
        if isinstance(item, h5py.Dataset):
            arrays[f"{file}/{name}"] = item[()]

    for path in sorted((run / "weights").glob("*.h5")):
        with h5py.File(path) as file:
            file.visititems(functools.partial(add, path.name))
    assert len(arrays) > 20
    return arrays


class FunctionEnhancer:
    """A function of (stage, features, gradient) as the `enhance` of a backbone.

    In place of the gradient map it sees the image.
    """

    def __init__(self, function: Callable, apart: bool = False) -> None:
        self.function = function
        self.apart = apart

    def gradient_map(self, image: Any) -> Any:
        return image

    def __call__(self, stage: int, features: Any, gradient: Any) -> Any:
        return self.function(stage, features, gradient)
