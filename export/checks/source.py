"""From what a person names to a `Source`."""

from __future__ import annotations

from collections.abc import Sequence

from egnet_tf import models
from egnet_tf.data import open_pairs
from egnet_tf.inference.branches import checked_branches
from export.checks.checked_export import Source
from export.checks.images import check_pairs


def open_source(
    model: str,
    *,
    branches: Sequence[str] | None,
    dataset: str,
    data_dir: str | None,
    size: tuple[int, int],
    limit: int,
) -> Source:
    """Finds the weights and cuts the photographs for the check.

    Args:
        model: a run's folder, or a variant whose weights come with the package.
        branches: of the self-ensemble; None for those the model's ensemble was
            trained for, or the whole image if it has none.
        dataset: of the photographs, its test split (`egnet_tf.data.open_pairs`).
        data_dir: its folder.
        size: height and width of the windows in pixels.
        limit: the most windows.

    Raises:
        InputError: no such model, branches or dataset.
    """
    loaded = models.load(models.find_weights(model))
    if branches is None:
        branches = loaded.branches or ("whole",)
    pairs = open_pairs(dataset, data_dir=data_dir, split="test")
    return Source(
        str(model),
        loaded,
        checked_branches(branches),
        check_pairs(pairs, size, limit),
        f"{dataset}, test",
    )
