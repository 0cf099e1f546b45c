"""Files of fitted parameters: JSON, an array a line, of five significant digits."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from egnet_tf.files import read_json, write_text


@functools.cache
def read_parameters(name: str) -> dict[str, np.ndarray]:
    """Reads the arrays of a file of this folder, such as "blur"."""
    stored = read_json(Path(__file__).with_name(f"{name}.json"))
    return {key: np.array(x) for key, x in stored.items() if key != "fitted_on"}


def write_parameters(
    path: str | os.PathLike[str],
    about: Mapping[str, object],
    arrays: Mapping[str, np.ndarray],
) -> None:
    """Writes the arrays after what `about` says of them, "fitted_on" among it."""
    values = {**about, **{name: _rounded(x.tolist()) for name, x in arrays.items()}}
    lines = [
        f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}"
        for key, value in values.items()
    ]
    write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.5g}")
