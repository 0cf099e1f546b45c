"""PSNR and SSIM by named protocols: pure functions of two images.

Everything here works on uint8 (H, W, 3) RGB arrays and knows no model.
"""

from egnet_tf.metrics.protocols import PROTOCOLS, Protocol, Score
from egnet_tf.metrics.psnr import psnr

__all__ = ["PROTOCOLS", "Protocol", "Score", "psnr"]
