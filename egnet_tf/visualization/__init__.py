"""Drawing: sheets of images in NumPy, figures in matplotlib (`.figures`)."""

from egnet_tf.visualization.gradient import visible_gradient_map
from egnet_tf.visualization.sheet import column, comparison_sheet
from egnet_tf.visualization.zooms import Zoom, largest_differences

__all__ = [
    "Zoom",
    "column",
    "comparison_sheet",
    "largest_differences",
    "visible_gradient_map",
]
