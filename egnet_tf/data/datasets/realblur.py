"""The datasets `realblur_j` and `realblur_r`.

Rim et al., "Real-World Blur Dataset for Learning and Benchmarking Deblurring
Algorithms", ECCV 2020: 3758 training and 980 test pairs each, J from the camera's
JPEG files and R from its raw ones. The authors' archive holds

    RealBlur_J_{train,test}_list.txt
    RealBlur-J_ECC_IMCORR_centroid_itensity_ref/scene230/{gt/gt_7.png,blur/blur_7.png}

and likewise for R (RealBlur-R_BM3D_ECC_IMCORR_centroid_itensity_ref). A line of a
list is the sharp file, a space and the blurry file, as seen from the archive's root.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from egnet_tf.data.file_pairs import FilePairs, warn_of_count
from egnet_tf.data.registry import NoOptions, Request, dataset
from egnet_tf.errors import InputError

COUNTS = {"train": 3758, "test": 980}


@dataset("realblur_j")
@dataset("realblur_r")
def open_realblur(request: Request, _: NoOptions) -> FilePairs:
    """Opens one split; another number of pairs than published is a warning.

    Returns:
        Pairs named `scene230/blur_7`.

    Raises:
        InputError: the list is missing or no such list, or files are missing.
    """
    root, split, kind = request.root, request.split, request.dataset[-1].upper()
    path = root / f"RealBlur_{kind}_{split}_list.txt"
    if not path.is_file():
        raise InputError(f"Expected the authors' list of pairs. Received: no {path}")
    files = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        columns = line.split()
        if not columns:
            continue
        if len(columns) < 2:
            raise InputError(
                f"Expected a sharp and a blurry file in line {number} of {path}. "
                f"Received: {line.strip()}"
            )
        sharp, blurry = (PurePosixPath(column) for column in columns[:2])
        if "gt" in blurry.parts or "blur" in sharp.parts:
            raise InputError(
                f"Expected first the sharp, then the blurry file in line {number} of "
                f"{path}. Received: {line.strip()}"
            )
        # .../scene230/blur/blur_7.png
        name = f"{blurry.parent.parent.name}/{blurry.stem}"
        if name in files:
            raise InputError(f"Expected each pair once in {path}. Received: {line}")
        files[name] = (root / blurry, root / sharp)
    warn_of_count(f"RealBlur-{kind}", split, len(files), COUNTS[split])
    return FilePairs(files, read=request.read)
