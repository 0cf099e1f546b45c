"""Small picture trees in the layouts of the real data sets."""

import numpy as np
import pytest

from egnet_tf.images.rgb import write_picture


def numbered_picture(number, height=24, width=32):
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def picture():
    """picture(number, height=24, width=32): one that only this number has."""
    return numbered_picture


@pytest.fixture
def write_all():
    """write_all(root, {path: number}): writes the pictures below root; returns it."""

    def write(root, files):
        for path, number in files.items():
            write_picture(root / path, numbered_picture(number))
        return root

    return write
