"""The views of an image that the self-ensemble restores and fuses.

A branch changes the image, has the network restore it, and undoes the change:

    half             means of 2x2 pixels; bilinear up-sampling
    whole            the image as it is
    quarters         four quarters on the batch axis; joined
    scale<factor>    resampled to that factor of height and width, such as scale0.75
                     or scale1.5, and back; scale0.5 is half
    flip_horizontal  left and right exchanged; and back
    flip_vertical    top and bottom exchanged; and back
    rotate180        rotated by 180 degrees; and back
    rotate90         rotated by 90 degrees against the clock; and back
    rotate270        rotated by 90 degrees with the clock; and back
    transpose        mirrored at the diagonal from the top left; and back
    transverse       mirrored at the other diagonal; and back

The first three are the paper's (section 3.2). The whole image and the last seven are
the eight views of the geometric self-ensemble that the paper compares with ([21],
Timofte et al., "Seven ways to improve example-based single image super resolution",
CVPR 2016). `result:<method>` is an image that another method restored: it is given
in the place of the blurry image (`egnet_tf.data.datasets.results`) and not restored
again.

Branches are a set: their order never changes what they fuse to. TensorFlow loads when
a branch is applied: names are checked without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from egnet_tf.errors import InputError

if TYPE_CHECKING:
    import tensorflow as tf

    Network = Callable[[tf.Tensor], tf.Tensor]

FUSIONS = ("trained", "mean")
"""How the restored branches become one image: by a self-ensemble network, averaged."""

_SCALES = (0.1, 4.0)
"""The smallest and the largest factor of a `scale` branch."""

RESULT = "result:"
"""What the names of the branches begin with that are results of other methods."""


class Branch(NamedTuple):
    """A view of an image that is restored.

    Attributes:
        restore: (network, image, size_multiple) -> the restored image. The image and
            the result are tensors (B, H, W, 3), in graphs with unknown B, H and W,
            too; H and W are multiples of `shrink` times `size_multiple`, those that
            the network takes.
        shrink: what divides height and width of the network's input.
        pixels: of the network's input, for each pixel of the image.
        keeps_square: whether a square image stays as large as it is, so that a
            network of one fixed size takes it.
    """

    restore: Callable[[Network, tf.Tensor, int], tf.Tensor]
    shrink: int = 1
    pixels: float = 1.0
    keeps_square: bool = True


def _half(network: Network, image: tf.Tensor, size_multiple: int) -> tf.Tensor:
    import tensorflow as tf

    small = tf.nn.avg_pool2d(image, ksize=2, strides=2, padding="VALID")
    return _bilinear(network(small), _size(image))


def _quarters(network: Network, image: tf.Tensor, size_multiple: int) -> tf.Tensor:
    """Stacks on the batch axis: top left, top right, bottom left, bottom right."""
    import tensorflow as tf

    rows = tf.split(image, 2, axis=1)
    parts = tf.concat([part for row in rows for part in tf.split(row, 2, axis=2)], 0)
    top_left, top_right, bottom_left, bottom_right = tf.split(network(parts), 4, axis=0)
    top = tf.concat([top_left, top_right], axis=2)
    bottom = tf.concat([bottom_left, bottom_right], axis=2)
    return tf.concat([top, bottom], axis=1)


def _scale(factor: float) -> Branch:
    """Resamples height and width to the multiples nearest to `factor` times them.

    Down by means over the area of a pixel, up bilinearly, as `half` does.
    """

    def restore(network: Network, image: tf.Tensor, size_multiple: int) -> tf.Tensor:
        size = _size(image)
        scaled = tuple(_nearest(side, factor, size_multiple) for side in size)
        there, back = (_area, _bilinear) if factor < 1 else (_bilinear, _area)
        return back(network(there(image, scaled)), size)

    return Branch(restore, pixels=factor**2, keeps_square=False)


def _nearest(side: int | tf.Tensor, factor: float, multiple: int) -> int | tf.Tensor:
    """The multiple nearest to factor * side, at least one; halves go up."""
    if isinstance(side, int):
        return max(int(side * factor / multiple + 0.5), 1) * multiple
    import tensorflow as tf

    # In the precision of Python, so that both round alike.
    count = tf.cast(side, tf.float64) * factor / multiple + 0.5
    return tf.maximum(tf.cast(count, tf.int32), 1) * multiple


def _size(image: tf.Tensor) -> tuple[int | tf.Tensor, int | tf.Tensor]:
    """Height and width: numbers where they are known, for exports and XLA."""
    import tensorflow as tf

    height, width = image.shape[1:3]
    if height is None or width is None:
        height, width = tf.unstack(tf.shape(image)[1:3])
    return height, width


def _bilinear(image: tf.Tensor, size: tuple[int | tf.Tensor, ...]) -> tf.Tensor:
    import tensorflow as tf

    return tf.image.resize(image, size, method="bilinear")


def _area(image: tf.Tensor, size: tuple[int | tf.Tensor, ...]) -> tf.Tensor:
    """Means over the area that each smaller pixel covers.

    As two matrix products, which LiteRT and ONNX have, unlike TensorFlow's operation.
    """
    import tensorflow as tf

    rows, columns = (_area_weights(*n) for n in zip(_size(image), size, strict=True))
    across = tf.tensordot(image, columns, [[2], [1]])  # (B, H, 3, w)
    down = tf.tensordot(across, rows, [[1], [1]])  # (B, 3, w, h)
    return tf.transpose(down, (0, 3, 2, 1))


def _area_weights(length: int | tf.Tensor, smaller: int | tf.Tensor) -> tf.Tensor:
    """The shares (smaller, length) of old pixels in new ones; rows sum to 1."""
    import tensorflow as tf

    ratio = tf.cast(length, tf.float32) / tf.cast(smaller, tf.float32)
    edges = tf.range(tf.cast(smaller, tf.float32))[:, None] * ratio
    pixels = tf.range(tf.cast(length, tf.float32))[None]
    common = tf.minimum(edges + ratio, pixels + 1) - tf.maximum(edges, pixels)
    common = tf.maximum(common, 0.0)
    return common / tf.reduce_sum(common, axis=1, keepdims=True)


def _reoriented(transpose: bool, *axes: int) -> Branch:
    """Reverses axes (1: rows, 2: columns), then exchanges rows and columns."""

    def reverse(image: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        return tf.reverse(image, axes) if axes else image

    def exchange(image: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        return tf.transpose(image, (0, 2, 1, 3)) if transpose else image

    def restore(network: Network, image: tf.Tensor, size_multiple: int) -> tf.Tensor:
        return reverse(exchange(network(exchange(reverse(image)))))

    return Branch(restore)


BRANCHES = {
    "half": Branch(_half, shrink=2, pixels=0.25, keeps_square=False),
    "whole": _reoriented(False),
    "quarters": Branch(_quarters, shrink=2, keeps_square=False),
    "flip_horizontal": _reoriented(False, 2),
    "flip_vertical": _reoriented(False, 1),
    "rotate180": _reoriented(False, 1, 2),
    "rotate90": _reoriented(True, 2),
    "rotate270": _reoriented(True, 1),
    "transpose": _reoriented(True),
    "transverse": _reoriented(True, 1, 2),
}
"""The branches by name but for the scales: see `find_branch`."""

_GIVEN = Branch(lambda network, image, size_multiple: image, pixels=0.0)

PAPER_BRANCHES = ("half", "whole", "quarters")
_FLIPS = ("flip_horizontal", "flip_vertical", "rotate180")
_GROUPS = {
    "flips": _FLIPS,
    "eight_views": (
        *("whole", *_FLIPS),
        *("rotate90", "rotate270", "transpose", "transverse"),
    ),
}
BRANCHES_HELP = (
    f"{', '.join(BRANCHES)}, scale<factor> such as scale0.75 (from {_SCALES[0]:g} to "
    f"{_SCALES[1]:g}); flips is {', '.join(_FLIPS)}; eight_views is whole, flips, "
    "rotate90, rotate270, transpose and transverse. Their order does not matter."
)
"""What --help says about the names that `checked_branches` takes."""


def find_branch(name: str) -> Branch:
    """Returns the branch of that name; of a result, one that restores nothing.

    Raises:
        InputError: there is none.
    """
    if name in BRANCHES:
        return BRANCHES[name]
    if name.startswith(RESULT):
        return _GIVEN
    factor = _factor(name)
    if factor is not None:
        return _scale(factor)
    raise _no_branch(name)


def _no_branch(name: str) -> InputError:
    return InputError(f"Expected a branch of {BRANCHES_HELP} Received: {name}")


def checked_branches(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the set of branches that names stand for, in one order.

    That is the order of `BRANCHES`, then the scales from small to large, whatever the
    order of the names; groups, such as "flips", are replaced by their branches.

    Raises:
        InputError: a name is unknown or repeated, or there is none.
    """
    if not names or len(set(names)) < len(names):
        raise InputError(
            f"Expected different branches. Received: {', '.join(names) or 'none'}"
        )
    chosen = {n for name in names for n in _GROUPS.get(name, (name,))}
    for name in chosen:
        if name.startswith(RESULT):  # Their dataset says which there are.
            raise _no_branch(name)
        find_branch(name)
    scales = {_factor(name) or 0.0: name for name in chosen if name not in BRANCHES}
    if len(scales) < len(chosen - set(BRANCHES)):
        raise InputError(
            f"Expected different scales. Received: {', '.join(sorted(chosen))}"
        )
    ordered = [name for name in BRANCHES if name in chosen]
    return (*ordered, *(scales[factor] for factor in sorted(scales)))


def _factor(name: str) -> float | None:
    match = re.fullmatch(r"scale(\d+(?:\.\d+)?|\.\d+)", name, re.ASCII)
    factor = float(match[1]) if match else 0.0
    return factor if _SCALES[0] <= factor <= _SCALES[1] else None


def result_branches(methods: Sequence[str]) -> tuple[str, ...]:
    """Returns the branches that are results of these methods, in one order."""
    return tuple(RESULT + method for method in sorted(methods))


class Fusion(NamedTuple):
    """Which branches are fused, in the order of the fusing network, and how."""

    branches: tuple[str, ...]
    trained: bool


def chosen_fusion(
    branches: Sequence[str] | None, trained: Sequence[str], fuse: str | None
) -> Fusion:
    """Decides what a model fuses.

    Args:
        branches: what was asked for; none for those of `trained`.
        trained: what the model's trained self-ensemble network fuses, in its order;
            none without one.
        fuse: "trained" or "mean"; None for the network where it was trained for these
            branches, else their mean.

    Returns:
        No branches if the image is to be restored once, as it is.

    Raises:
        InputError: there is nothing to average, or no network trained for these
            branches.
    """
    if branches and results_among(trained):
        raise InputError(
            "Expected no --branches for a model that fuses results of other methods. "
            f"Received: {', '.join(branches)}"
        )
    chosen = checked_branches(branches) if branches else tuple(trained)
    fits = bool(trained) and set(chosen) == set(trained)
    if fuse == "trained" and not fits:
        raise InputError(
            "Expected --fuse=trained with the branches that the model's self-ensemble "
            f"was trained for ({', '.join(trained) or 'it has none'}). "
            f"Received: {', '.join(chosen) or 'no branches'}"
        )
    if fuse and not chosen:
        raise InputError(
            f"Expected --branches with --fuse={fuse}, because the model has no trained "
            "self-ensemble. Received: no branches"
        )
    return Fusion(tuple(trained) if fits else chosen, fits and fuse != "mean")


def results_among(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the titles of the methods whose results are among the branches."""
    return tuple(sorted(n.removeprefix(RESULT) for n in names if n.startswith(RESULT)))


def shrinkage(names: Sequence[str]) -> int:
    """Returns the factor by which the branches multiply `size_multiple`."""
    return max(find_branch(name).shrink for name in names)


def branch_images(
    network: Network,
    image: tf.Tensor,
    branches: Sequence[str] = PAPER_BRANCHES,
    *,
    size_multiple: int,
) -> list[tf.Tensor]:
    """Restores a batch once for each branch.

    Args:
        network: maps (B, h, w, 3) to its restored (B, h, w, 3); h and w are multiples
            of `size_multiple`.
        image: (B, H, W, 3) in [0, 1]; H and W are multiples of `shrinkage(branches)`
            times `size_multiple`. Where the branches are n results of other methods,
            these: (B, H, W, 3 n), in the order of their names.
        branches: names that `checked_branches` or `result_branches` returned.
        size_multiple: of the network.

    Returns:
        One (B, H, W, 3) for each branch, in the order of the names: the inputs of the
        self-ensemble network.
    """
    import tensorflow as tf

    results = result_branches(results_among(branches))
    parts = tf.split(image, len(results), axis=-1) if results else []
    given = dict(zip(results, parts, strict=True))
    return [
        find_branch(name).restore(network, given.get(name, image), size_multiple)
        for name in branches
    ]
