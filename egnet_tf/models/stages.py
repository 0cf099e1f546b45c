"""What the outputs of every network here have in common."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf


def finest(outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The restored picture among a network's outputs: that of its last stage.

    Stages are numbered in the order of their work, "stage1", "stage2", ...; by their
    names and not by their order in the dictionary, which not everything that passes
    a dictionary on keeps.

    Args:
        outputs: restored pictures by stage.
    """
    return outputs[max(outputs)]
