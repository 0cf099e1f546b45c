"""Images for people: comparisons, gradient maps, features, ensemble weights."""

from egnet_tf.visualization.comparison import (
    Panel,
    Zoom,
    comparison_figure,
    comparison_sheet,
    largest_differences,
)
from egnet_tf.visualization.ensemble import ensemble_figure
from egnet_tf.visualization.features import feature_figure
from egnet_tf.visualization.gradient import gradient_figure, visible_gradient_map
from egnet_tf.visualization.sheet import column

__all__ = [
    "Panel",
    "Zoom",
    "column",
    "comparison_figure",
    "comparison_sheet",
    "ensemble_figure",
    "feature_figure",
    "gradient_figure",
    "largest_differences",
    "visible_gradient_map",
]
