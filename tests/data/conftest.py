"""Small image trees in the layouts of the real datasets."""

import pytest

from egnet_tf.images.write import write_image
from helpers import random_image


def numbered_image(number, height=24, width=32):
    return random_image((height, width, 3), seed=number)


@pytest.fixture
def image():
    """image(number, height=24, width=32): one that only this number has."""
    return numbered_image


@pytest.fixture
def write_all():
    """write_all(root, {path: number}): writes the images below root; returns it."""

    def write(root, files):
        for path, number in files.items():
            write_image(root / path, numbered_image(number))
        return root

    return write
