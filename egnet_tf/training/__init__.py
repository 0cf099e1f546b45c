"""Training: the recipe, the paper's phases, the loop."""

from egnet_tf.training.phases import Phase
from egnet_tf.training.recipe import Recipe
from egnet_tf.training.run_folder import RunFolder
from egnet_tf.training.trainer import Interrupted, train

__all__ = ["Interrupted", "Phase", "Recipe", "RunFolder", "train"]
