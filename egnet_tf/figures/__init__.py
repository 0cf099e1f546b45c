"""Pictures for people: comparison sheets and gradient maps."""

from egnet_tf.figures.comparison import comparison_sheet
from egnet_tf.figures.gradient import gradient_figure, visible_gradient_map
from egnet_tf.figures.sheet import column

__all__ = ["column", "comparison_sheet", "gradient_figure", "visible_gradient_map"]
