"""The numbers printed in the paper: none of them was measured by this project.

Wherever they are shown, the word "published" stands beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Published(NamedTuple):
    """PSNR in dB and SSIM on one test set."""

    psnr: float
    ssim: float


Scores = Mapping[str, Published]
"""By dataset, as `--dataset` names them."""


def _table_1(gopro, realblur_j=None, realblur_r=None) -> Scores:
    found = {"gopro": gopro, "realblur_j": realblur_j, "realblur_r": realblur_r}
    return {name: Published(*score) for name, score in found.items() if score}


TABLE_1: Mapping[str, Scores] = {
    "SRN": _table_1((30.26, 0.934), (26.33, 0.856), (33.62, 0.946)),
    "DMPHN": _table_1((30.45, 0.935), (25.72, 0.844), (33.62, 0.943)),
    "DeblurGAN-v2": _table_1((29.55, 0.934), (26.68, 0.862), (33.41, 0.936)),
    "BANet": _table_1((32.44, 0.957)),
    "MIMO-UNet+": _table_1((32.44, 0.957), (26.01, 0.851), (33.65, 0.945)),
    "[26] of the paper": _table_1((31.23, 0.946)),
    "MPRNet": _table_1((32.66, 0.959), (26.51, 0.865), (33.91, 0.949)),
    "EGNet": _table_1((33.00, 0.961), (26.96, 0.877), (34.30, 0.952)),
}
"""Trained on GoPro; how RealBlur was measured is not said, see docs/evaluate.md."""

ABLATIONS: Mapping[str, Scores] = {
    "table3_add_0.02_attention": {"gopro": Published(32.9088, 0.9609)},
    "table3_add_0.02_convolutions": {"gopro": Published(32.9081, 0.9608)},
    "table3_add_0.2_attention": {"gopro": Published(32.9088, 0.9609)},
    "table3_add_0.2_convolutions": {"gopro": Published(32.9080, 0.9609)},
    "table3_mul_0.02_attention": {"gopro": Published(32.9080, 0.9608)},
    "table3_mul_0.02_convolutions": {"gopro": Published(32.9068, 0.9608)},
    "table3_gradient_attention": {"gopro": Published(32.9250, 0.9610)},
    "table3_gradient_convolutions": {"gopro": Published(32.9154, 0.9609)},
    "table4_without_egn": {"gopro": Published(32.52, 0.958)},
    "table4_with_egn": {"gopro": Published(32.92, 0.961)},
    "table6_without_gradient_loss": {
        "realblur_r": Published(33.7142, 0.9464),
        "realblur_j": Published(26.3708, 0.8617),
    },
    "table6_with_gradient_loss": {
        "realblur_r": Published(34.2960, 0.9520),
        "realblur_j": Published(26.9638, 0.8765),
    },
}
"""Tables 3, 4 and 6, by the names of the flag files in configs/ablations."""

TABLE_5: Mapping[str, float] = {
    "table4_without_egn": 1.6838,
    "table4_with_egn": 1.8134,
}
"""HSIC with the sharp images on GoPro, that with the blurry ones being 1."""


class PublishedCost(NamedTuple):
    """A row of Table 2: run time in seconds, and "Model Size (MB)" as printed.

    The paper names neither the hardware nor the size of the images; GoPro's are
    1280x720. Its sizes are millions of parameters, but for DMPHN's (docs/paper.md).
    """

    seconds: float
    size: float


TABLE_2: Mapping[str, PublishedCost] = {
    "DMPHN": PublishedCost(0.135, 29.01),
    "MPRNet": PublishedCost(0.217, 20.13),
    "MIMO-UNet+": PublishedCost(0.028, 16.11),
    "DeblurGAN-v2": PublishedCost(0.115, 28.27),
    "[26] of the paper": PublishedCost(0.790, 26.34),
    "EGNet": PublishedCost(0.231, 26.60),
}
"""Measured on GoPro by the paper's authors."""
