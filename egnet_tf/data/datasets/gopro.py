"""The dataset `gopro`: 2103 training and 1111 test pairs, 1280x720.

Nah et al., "Deep Multi-scale Convolutional Neural Network for Dynamic Scene
Deblurring", CVPR 2017. Two forms are read:

    {train,test}/GOPRxxxx_xx_xx/{blur,blur_gamma,sharp}/*.png     as published
    {train,test}/{input,target}/GOPRxxxx_xx_xx-*.png              flattened; as well
                                                                  in {train,test}/GoPro/

`blur` is the mean of the frames' stored values (a linear camera response), which
MPRNet and most papers use; `blur_gamma` that of their light under a gamma of 2.2.
"""

from __future__ import annotations

from pathlib import Path

from absl import logging

from egnet_tf.data.file_pairs import FilePairs, match_names
from egnet_tf.errors import InputError
from egnet_tf.images.cache import DEFAULT_LIMIT
from egnet_tf.images.find import existing_folder, find_images

COUNTS = {"train": 2103, "test": 1111}
BLURS = ("linear", "gamma")

_FOLDER = {"linear": "blur", "gamma": "blur_gamma"}


def open_gopro(
    data_dir: str | None,
    split: str,
    *,
    blur: str = "linear",
    cache_bytes: int = DEFAULT_LIMIT,
) -> FilePairs:
    """Opens one split of GoPro; another number of pairs than published is a warning.

    Args:
        data_dir: the folder that holds train/ and test/.
        split: "train" or "test".
        blur: "linear" or "gamma".
        cache_bytes: see `FilePairs`.

    Returns:
        Pairs named `GOPRxxxx_xx_xx/000047` or, flattened, `GOPRxxxx_xx_xx-000047`.

    Raises:
        InputError: no such form, or not every image has a partner of its size.
    """
    root = existing_folder(data_dir, "gopro") / split
    flat = root / "GoPro" if (root / "GoPro").is_dir() else root
    if (flat / "input").is_dir() and (flat / "target").is_dir():
        if blur != "linear":
            raise InputError(
                "Expected --gopro_blur=linear with the flattened form of GoPro, which "
                f"holds one kind of blur. Received: {blur}"
            )
        kinds = find_images(flat / "input"), find_images(flat / "target")
    else:
        folder = _FOLDER[blur]
        images = find_images(root)
        kinds = _of_kind(images, folder), _of_kind(images, "sharp")
        if not any(kinds):
            raise InputError(
                f"Expected {root}/GOPRxxxx_xx_xx/{{{folder},sharp}}/*.png or "
                f"{root}/{{input,target}}/*.png. Received: neither"
            )
    files = match_names(*kinds, str(root))
    warn_of_count("GoPro", split, len(files), COUNTS[split])
    return FilePairs(files, cache_bytes=cache_bytes)


def _of_kind(images: dict[str, Path], kind: str) -> dict[str, Path]:
    split = {name: name.split("/") for name in images}
    return {
        f"{parts[0]}/{parts[2]}": images[name]
        for name, parts in split.items()
        if len(parts) == 3 and parts[1] == kind
    }


def warn_of_count(name: str, split: str, count: int, published: int) -> None:
    """Says so when a dataset is not as large as its authors publish."""
    if count != published:
        logging.warning(
            "%s %s: expected %d pairs. Received: %d", name, split, published, count
        )
