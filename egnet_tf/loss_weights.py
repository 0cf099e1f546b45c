"""The losses that a run can be trained on, as weights of the terms in `losses.py`.

Pure data, importable without TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping

LOSSES: Mapping[str, Mapping[str, float]] = {
    # Eq. 17: alpha, beta, gamma.
    "egnet": {"content": 1.0, "gradient": 0.05, "ms_ssim": 0.1},
    "mprnet": {"charbonnier": 1.0, "edge": 0.05},
    "psnr": {"psnr_loss": 0.01},
}
