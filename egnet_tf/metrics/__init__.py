"""PSNR and SSIM by named protocols, and scoring of many pictures.

Everything here works on uint8 (H, W, 3) RGB arrays and knows no model.
"""

from egnet_tf.metrics.evaluation_folder import EvaluationFolder, Row, read_summary
from egnet_tf.metrics.protocols import PROTOCOLS, Protocol, Score, protocol_named
from egnet_tf.metrics.psnr import psnr
from egnet_tf.metrics.result_folders import Match, match_folders
from egnet_tf.metrics.scoring import Pictures, Unscored, score_pictures
from egnet_tf.metrics.ssim import ssim_volume
from egnet_tf.metrics.summary import Mean, markdown_table, mean_score, summarize

__all__ = [
    "PROTOCOLS",
    "EvaluationFolder",
    "Match",
    "Mean",
    "Pictures",
    "Protocol",
    "Row",
    "Score",
    "Unscored",
    "markdown_table",
    "match_folders",
    "mean_score",
    "protocol_named",
    "psnr",
    "read_summary",
    "score_pictures",
    "ssim_volume",
    "summarize",
]
