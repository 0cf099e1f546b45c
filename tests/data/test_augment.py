import numpy as np
import pytest

from egnet_tf.data.augment import Augment, augmented
from egnet_tf.data.pairs import Pair
from helpers import random_image


@pytest.fixture
def pair():
    image = random_image((6, 6, 3))
    return Pair(image, 255 - image)


def outcomes(pair, augment, count=300):
    rng = np.random.default_rng(1)
    for _ in range(count):
        changed = augmented(pair, augment, rng)
        np.testing.assert_array_equal(changed.sharp, 255 - changed.blurry)
        yield changed.blurry


def test_augmentation_defaults_to_flips(pair):
    image = pair.blurry
    expected = {x.tobytes() for x in (image, image[::-1])}
    expected |= {x.tobytes() for x in (image[:, ::-1], image[::-1, ::-1])}
    assert {x.tobytes() for x in outcomes(pair, Augment())} == expected


def test_flips_and_rotations_are_the_eight_orientations(pair):
    received = [x.tobytes() for x in outcomes(pair, Augment(rotate90=True), 1600)]
    rotated = [np.rot90(pair.blurry, n) for n in range(4)]
    expected = {x.tobytes() for t in rotated for x in (t, t[:, ::-1])}
    assert set(received) == expected
    assert min(received.count(x) for x in expected) > 140  # of 200, 4.5 deviations


def test_augmentation_switched_off_changes_nothing(pair):
    for image in outcomes(pair, Augment(flips=False), count=5):
        np.testing.assert_array_equal(image, pair.blurry)
