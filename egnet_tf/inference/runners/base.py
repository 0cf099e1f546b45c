"""The interface of everything that runs a network for the Restorer."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from egnet_tf.errors import InputError

if TYPE_CHECKING:
    import numpy as np

Accelerator = Literal["auto", "cpu", "gpu", "npu"]
"""What a network is to run on. "auto" leaves it to the library that runs it."""

_TRIAL_SIDE = 64


class Runner(Protocol):
    """A network that restores float32 RGB images of suitable sizes."""

    @property
    def size_multiple(self) -> int:
        """What the heights and widths that it takes are multiples of."""
        ...

    @property
    def tile(self) -> int | None:
        """Side of the one square size that it takes, one image at a time.

        None where it takes any multiple of `size_multiple` and any batch.
        """
        ...

    @property
    def bytes_per_pixel(self) -> float:
        """Memory of a forward pass, in bytes for each pixel of the batch.

        Asked for only where `tile` is None, and once: it may take seconds.
        """
        ...

    @property
    def device(self) -> str:
        """What it runs on and by which library, such as "CPU, LiteRT 2.3.0"."""
        ...

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3) float32 in [0, 1]; same shape, not clipped."""
        ...


def warn_of_cpu(path: str | os.PathLike[str], accelerator: str, why: object) -> None:
    """Says in one line that a model runs on the CPU, not on what was asked for."""
    logging.getLogger(__name__).warning(
        "%s runs on the CPU, since no %s can be used: %s",
        os.fspath(path),
        accelerator.upper(),
        why,
    )


def check_kept(image: np.ndarray, restored: np.ndarray, path: str) -> None:
    """Checks that what a file returned is float32, of the shape that it was given.

    Raises:
        InputError: it is not.
    """
    if (restored.shape, restored.dtype) != (image.shape, "float32"):
        raise InputError(
            f"Expected {path} to keep the shape {image.shape}, float32. "
            f"Received: {restored.shape}, {restored.dtype}"
        )


def check_restores(runner: Runner, kind: str, path: str) -> None:
    """Runs a network once, on noise.

    Raises:
        InputError: it does not restore to finite numbers; the message names the `kind`
            of file, such as "a SavedModel", and the path.
    """
    import numpy as np  # Here, so that finding out what a model is stays light.

    side = runner.tile or _TRIAL_SIDE
    noise = np.random.default_rng(0).random((1, side, side, 3), np.float32)
    if not np.isfinite(runner(noise)).all():
        raise InputError(
            f"Expected {kind} that gives finite numbers; its weights may be damaged. "
            f"Received: {path}, with NaN or infinity"
        )


def is_nchw(shape: Sequence[object]) -> bool:
    """Whether the shape of an image, of numbers and names, has its channels first."""
    return len(shape) == 4 and shape[1] == 3 and shape[3] != 3
