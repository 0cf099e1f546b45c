"""The views of an image that the self-ensemble restores and fuses.

A branch applies a transform to the image, and its inverse to the network's output:

    half             means of 2x2 pixels; bilinear up-sampling
    whole            the identity
    quarters         four quarters on the batch axis; joined
    flip_horizontal  left and right exchanged; and back
    flip_vertical    top and bottom exchanged; and back
    rotate180        rotated by 180 degrees; and back

The first three are the paper's (section 3.2). The others are those of the geometric
self-ensemble that keep height and width.

TensorFlow loads when a branch is applied: names are checked without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from egnet_tf.errors import InputError

if TYPE_CHECKING:
    import tensorflow as tf


class Branch(NamedTuple):
    """A transform (`split`) and its inverse (`merge`).

    Both map tensors (B, H, W, 3) and work in graphs with unknown B, H and W. H and W
    are multiples of `shrink` times the network's `size_multiple`.
    """

    split: Callable[[tf.Tensor], tf.Tensor]
    merge: Callable[[tf.Tensor], tf.Tensor]
    shrink: int


def _halve(image: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return tf.nn.avg_pool2d(image, ksize=2, strides=2, padding="VALID")


def _double(restored: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    height, width = restored.shape[1], restored.shape[2]
    if height is None or width is None:
        size = 2 * tf.shape(restored)[1:3]
    else:
        size = (2 * height, 2 * width)  # Static for exports and XLA.
    return tf.image.resize(restored, size, method="bilinear")


def _quarter(image: tf.Tensor) -> tf.Tensor:
    """Stacks on the batch axis: top left, top right, bottom left, bottom right."""
    import tensorflow as tf

    rows = tf.split(image, 2, axis=1)
    return tf.concat([part for row in rows for part in tf.split(row, 2, axis=2)], 0)


def _join(restored: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    top_left, top_right, bottom_left, bottom_right = tf.split(restored, 4, axis=0)
    top = tf.concat([top_left, top_right], axis=2)
    bottom = tf.concat([bottom_left, bottom_right], axis=2)
    return tf.concat([top, bottom], axis=1)


def _reversal(*axes: int) -> Branch:
    def reverse(image: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        return tf.reverse(image, axes)

    return Branch(reverse, reverse, shrink=1)


def _unchanged(image: tf.Tensor) -> tf.Tensor:
    return image


BRANCHES = {
    "half": Branch(_halve, _double, shrink=2),
    "whole": Branch(_unchanged, _unchanged, shrink=1),
    "quarters": Branch(_quarter, _join, shrink=2),
    "flip_horizontal": _reversal(2),
    "flip_vertical": _reversal(1),
    "rotate180": _reversal(1, 2),
}
PAPER_BRANCHES = ("half", "whole", "quarters")
_GROUPS = {"flips": ("flip_horizontal", "flip_vertical", "rotate180")}
BRANCH_NAMES = (*BRANCHES, *_GROUPS)
"""What `checked_branches` takes."""


def checked_branches(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the names with "flips" replaced by both flips and their product.

    Raises:
        InputError: a name is unknown or repeated, or there is none.
    """
    names = tuple(n for name in names for n in _GROUPS.get(name, (name,)))
    if not names or len(set(names)) < len(names) or not set(names) <= set(BRANCHES):
        raise InputError(
            f"Expected different branches among {', '.join(BRANCH_NAMES)}. "
            f"Received: {', '.join(names) or 'none'}"
        )
    return names


def shrinkage(names: Sequence[str]) -> int:
    """Returns the factor by which the branches multiply `size_multiple`."""
    return max(BRANCHES[name].shrink for name in names)


def branch_images(
    network: Callable[[tf.Tensor], tf.Tensor],
    image: tf.Tensor,
    branches: Sequence[str] = PAPER_BRANCHES,
) -> list[tf.Tensor]:
    """Restores a batch once for each branch.

    Args:
        network: maps (B, h, w, 3) to its restored (B, h, w, 3).
        image: (B, H, W, 3) in [0, 1]; H and W are multiples of `shrinkage(branches)`
            times the network's `size_multiple`.
        branches: names from `BRANCHES`.

    Returns:
        One (B, H, W, 3) for each branch, in the order of the names: the inputs of the
        self-ensemble network.
    """
    return [
        BRANCHES[name].merge(network(BRANCHES[name].split(image)))
        for name in checked_branches(branches)
    ]
