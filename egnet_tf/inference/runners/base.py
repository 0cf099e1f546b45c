"""What the Restorer asks of a network, whatever runs it."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Runner(Protocol):
    """A network that restores float32 RGB images of suitable sizes.

    Attributes:
        size_multiple: the heights and widths it takes are multiples of this.
        tile: the side of the one square size it takes, one image at a time; None
            when it takes any multiple and any batch.
        bytes_per_pixel: memory of a forward pass, in bytes for each pixel of the
            batch. Asked for only where `tile` is None.
    """

    size_multiple: int
    tile: int | None

    @property
    def bytes_per_pixel(self) -> float:
        """Memory of a forward pass, in bytes for each pixel of the batch."""
        ...

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Restores (B, H, W, 3) float32 in [0, 1]; same shape, not clipped."""
        ...
