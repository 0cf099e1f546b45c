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

import dataclasses
from pathlib import Path

from egnet_tf.data.file_pairs import FilePairs, match_names, warn_of_count
from egnet_tf.data.registry import Request, dataset
from egnet_tf.errors import InputError
from egnet_tf.images.find import find_images
from egnet_tf.options import check, option

COUNTS = {"train": 2103, "test": 1111}

_FOLDER = {"linear": "blur", "gamma": "blur_gamma"}


@dataclasses.dataclass(frozen=True)
class GoProOptions:
    """Which of GoPro's two kinds of blur."""

    blur: str = option(
        "linear",
        "GoPro's blurry images: linear is its folder blur, gamma is blur_gamma.",
        choices=tuple(_FOLDER),
    )

    def __post_init__(self):
        check(self)


@dataset("gopro", GoProOptions)
def open_gopro(request: Request, options: GoProOptions) -> FilePairs:
    """Opens one split of GoPro; another number of pairs than published is a warning.

    Returns:
        Pairs named `GOPRxxxx_xx_xx/000047` or, flattened, `GOPRxxxx_xx_xx-000047`.

    Raises:
        InputError: no such form, or not every image has a partner of its size.
    """
    root = request.root / request.split
    flat = root / "GoPro" if (root / "GoPro").is_dir() else root
    if (flat / "input").is_dir() and (flat / "target").is_dir():
        if options.blur != "linear":
            raise InputError(
                "Expected --gopro_blur=linear with the flattened form of GoPro, which "
                f"holds one kind of blur. Received: {options.blur}"
            )
        kinds = find_images(flat / "input"), find_images(flat / "target")
    else:
        folder = _FOLDER[options.blur]
        images = find_images(root)
        kinds = _of_kind(images, folder), _of_kind(images, "sharp")
        if not any(kinds):
            raise InputError(
                f"Expected {root}/GOPRxxxx_xx_xx/{{{folder},sharp}}/*.png or "
                f"{root}/{{input,target}}/*.png. Received: neither"
            )
    files = match_names(*kinds, str(root))
    warn_of_count("GoPro", request.split, len(files), COUNTS[request.split])
    return FilePairs(files, read=request.read)


def _of_kind(images: dict[str, Path], kind: str) -> dict[str, Path]:
    split = {name: name.split("/") for name in images}
    return {
        f"{parts[0]}/{parts[2]}": images[name]
        for name, parts in split.items()
        if len(parts) == 3 and parts[1] == kind
    }
