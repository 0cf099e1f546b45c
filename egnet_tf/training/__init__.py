"""Training: the recipe, the paper's phases, the loop, and the folder of a run.

Importing `Recipe` and `RunFolder` is light; TensorFlow loads with the other names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from egnet_tf.lazy import lazy_names

if TYPE_CHECKING:
    from egnet_tf.training.interruption import Interrupted as Interrupted
    from egnet_tf.training.loop import train as train
    from egnet_tf.training.phases import Phase as Phase
    from egnet_tf.training.recipe import Recipe as Recipe
    from egnet_tf.training.run_folder import RunFolder as RunFolder

_HOMES = {
    "egnet_tf.training.interruption": ("Interrupted",),
    "egnet_tf.training.loop": ("train",),
    "egnet_tf.training.phases": ("Phase",),
    "egnet_tf.training.recipe": ("Recipe",),
    "egnet_tf.training.run_folder": ("RunFolder",),
}
__getattr__ = lazy_names(__name__, _HOMES)
