"""Scoring of many images: matching, results folders, summaries."""

from egnet_tf.evaluation.matching import Match, match_folders
from egnet_tf.evaluation.results_folder import EvaluationFolder, Row, read_summary
from egnet_tf.evaluation.scoring import Images, Unscored, score_images
from egnet_tf.evaluation.summary import (
    Mean,
    images_compared,
    markdown_table,
    mean_score,
    score_rows,
    summarize,
)

__all__ = [
    "EvaluationFolder",
    "Images",
    "Match",
    "Mean",
    "Row",
    "Unscored",
    "images_compared",
    "markdown_table",
    "match_folders",
    "mean_score",
    "read_summary",
    "score_images",
    "score_rows",
    "summarize",
]
