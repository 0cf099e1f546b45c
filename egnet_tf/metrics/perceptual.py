"""LPIPS: how different two images look to a network. Needs the extra `lpips`.

Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric",
CVPR 2018, by its authors' package. The weights of AlexNet are downloaded by torchvision
when they are first used.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from egnet_tf.errors import require


def lpips_alex(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Returns the LPIPS of two uint8 (H, W, 3) RGB images; 0 for identical ones.

    Raises:
        InputError: the extra is not installed.
        OSError: the weights cannot be downloaded.
    """
    require("lpips", "torch")
    import torch  # pyright: ignore[reportMissingImports]

    def tensor(image: np.ndarray) -> Any:
        values = image.astype(np.float32) / 127.5 - 1  # What the package expects.
        return torch.from_numpy(values.transpose(2, 0, 1)[None].copy())

    with torch.no_grad():
        return float(_network()(tensor(restored), tensor(sharp)))


@functools.cache
def _network() -> Any:
    import lpips  # pyright: ignore[reportMissingImports]

    return lpips.LPIPS(net="alex", version="0.1", verbose=False).eval()
