"""Training: the recipe, the paper's phases, the loop, and the folder of a run.

Importing `Recipe` and `RunFolder` is light; TensorFlow loads with the other names.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from egnet_tf.training.interruption import Interrupted
    from egnet_tf.training.loop import train
    from egnet_tf.training.phases import Phase
    from egnet_tf.training.recipe import Recipe
    from egnet_tf.training.run_folder import RunFolder

__all__ = ["Interrupted", "Phase", "Recipe", "RunFolder", "train"]

_HOMES = {
    "Interrupted": "interruption",
    "Phase": "phases",
    "Recipe": "recipe",
    "RunFolder": "run_folder",
    "train": "loop",
}


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
