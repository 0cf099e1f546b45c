"""Scoring of many images: matching, results folders, summaries."""

from egnet_tf.evaluation.matching import Match, match_folders
from egnet_tf.evaluation.results_folder import EvaluationFolder, Row, read_summary
from egnet_tf.evaluation.scoring import Pictures, Unscored, score_pictures
from egnet_tf.evaluation.summary import Mean, markdown_table, mean_score, summarize

__all__ = [
    "EvaluationFolder",
    "Match",
    "Mean",
    "Pictures",
    "Row",
    "Unscored",
    "markdown_table",
    "match_folders",
    "mean_score",
    "read_summary",
    "score_pictures",
    "summarize",
]
