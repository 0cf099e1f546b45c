"""Opens a data set by its name."""

from __future__ import annotations

from egnet_tf.data.pairs import Pairs
from egnet_tf.data.samples import open_samples
from egnet_tf.errors import InputError

DATASETS = ("samples",)
SPLITS = ("train", "test")


def open_pairs(
    dataset: str, *, data_dir: str | None = None, split: str, seed: int = 0
) -> Pairs:
    """Opens one split of a data set.

    Args:
        dataset: one of `DATASETS`.
        data_dir: the data set's folder; `samples` needs none.
        split: "train" or "test".
        seed: of what is made on the fly (camera shake).

    Raises:
        InputError: no such data set or split, or its files are not as expected.
    """
    if split not in SPLITS:
        raise InputError(f"Expected split train or test. Received: {split}")
    if dataset == "samples":
        return open_samples(split, seed=seed)
    raise InputError(
        f"Expected a data set of {', '.join(DATASETS)}. Received: {dataset}"
    )
