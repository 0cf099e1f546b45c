"""Runs a LiteRT file on LiteRT's GPU accelerator: wholly, and as the CPU does.

Phones run such files on their GPU. A list of operators says little of whether they can:
what a delegate takes changes with LiteRT's version, and what it takes it may still
compute wrongly. So the file is run, where there is a GPU; SwiftShader is one in
software (docs/export.md).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egnet_tf.data import Pair
from egnet_tf.errors import InputError
from egnet_tf.images.convert import to_float
from egnet_tf.inference.runners.accelerated import (
    AcceleratedRunner,
    AcceleratorError,
    NoAcceleratorError,
    disagreement,
    may_have_gpu,
)
from egnet_tf.inference.runners.litert import LiteRTRunner, litert_version

_MOST = 2
"""Images that are restored on both: a GPU in software takes seconds for each."""


def check_on_gpu(
    file: Path, name: str, pairs: Sequence[Pair], wanted: str = "auto"
) -> dict[str, Any]:
    """Compares a .tflite file on LiteRT's GPU accelerator with the same on the CPU.

    Args:
        file: takes tiles of the size of the pairs.
        name: of the file, for messages.
        pairs: uint8, of which the first are restored.
        wanted: "gpu" makes an error of a GPU that there is not, that does not take the
            whole file, or that differs from the CPU (see `disagreement`); with "auto"
            a warning says so of a GPU that there is. "cpu" asks for no GPU.

    Returns:
        What the JSON file beside the export says.

    Raises:
        InputError: see `wanted`.
    """
    if wanted == "cpu" or (wanted == "auto" and not may_have_gpu()):
        return {"run": False, "why": "not asked for" if wanted == "cpu" else "no GPU"}
    note: dict[str, Any] = {"run": True, "runtime": litert_version()}
    try:
        gpu = AcceleratedRunner(file, "gpu")
        note |= {"adapter": gpu.adapter, "whole": True}
        note |= _compare(gpu, LiteRTRunner(file), pairs[:_MOST])
    except NoAcceleratorError as error:
        if wanted == "gpu":
            raise InputError(f"Expected a GPU for {name}. Received: {error}") from None
        return {"run": False, "why": str(error)}
    except AcceleratorError as error:
        why = f"Expected {name} to run on LiteRT's GPU accelerator. Received: {error}"
        if wanted == "gpu":
            raise InputError(why) from None
        logging.getLogger(__name__).warning("%s", why)
        note |= {"whole": not error.operators, "refused": str(error)}
        note |= {"operators": error.operators} if error.operators else {}
    return note


def _compare(
    gpu: AcceleratedRunner, cpu: LiteRTRunner, pairs: Sequence[Pair]
) -> dict[str, Any]:
    """Measures how far the GPU is from the CPU.

    Raises:
        AcceleratorError: too far.
    """
    largest, squares = 0.0, []
    for pair in pairs:
        image = to_float(pair.blurry)[None]
        expected, received = cpu(image), gpu(image)
        if why := disagreement(image, expected, received):
            raise AcceleratorError(why)
        largest = max(largest, float(np.abs(received - expected).max()))
        squares.append(float(np.mean(np.square(received - expected, dtype=np.float64))))
    if not gpu.device.startswith("GPU"):
        raise AcceleratorError("it failed while restoring")
    mean = float(np.mean(squares))
    return {
        "photographs": len(pairs),
        "largest_difference_to_cpu": largest,
        "psnr_to_cpu": -10 * math.log10(mean) if mean else None,
    }
