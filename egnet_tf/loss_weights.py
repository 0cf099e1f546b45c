"""The losses that a run can be trained on: which terms of `losses.py`, and how.

Pure data, importable without TensorFlow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

MS_SSIM = ("wang", "all_scales")


@dataclasses.dataclass(frozen=True)
class Loss:
    """A sum of weighted terms.

    Attributes:
        weights: of the terms, by their names in `egnet_tf.losses.TERMS`.
        gradient_normalise: G of Eq. 15 in the gradient term, see
            `egnet_tf.layers.NORMALISERS`.
        ms_ssim: luminance in Eq. 16 at the coarsest scale, as in Wang et al. 2003
            ("wang"), or at every scale, as Eq. 16 is printed ("all_scales").
    """

    weights: Mapping[str, float]
    gradient_normalise: str = "fixed"
    ms_ssim: str = "wang"


LOSSES: Mapping[str, Loss] = {
    # Eq. 17: alpha, beta, gamma.
    "egnet": Loss({"content": 1.0, "gradient": 0.05, "ms_ssim": 0.1}),
    "mprnet": Loss({"charbonnier": 1.0, "edge": 0.05}),
    "psnr": Loss({"psnr_loss": 0.01}),
}
