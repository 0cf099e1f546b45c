from fractions import Fraction

import numpy as np
import pytest

from egnet_tf.errors import InputError
from egnet_tf.inference import Restorer
from egnet_tf.inference.photos import Job, restore_photos
from egnet_tf.inference.strength import blend
from helpers import DarkeningRunner, random_image

TYPES = [np.uint8, np.uint16, np.float16, np.float32, np.float64]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("tile", [0, 32])
def test_strength_is_exact_at_both_ends(dtype, tile):
    """In tiles and whole, with an array of its own and in place."""
    made = np.float32 if np.issubdtype(dtype, np.floating) else dtype
    image = random_image((2, 90, 71, 3), dtype=made).astype(dtype)
    restorer = Restorer(DarkeningRunner(), tile=tile)
    network = restorer(image)
    for strength, expected in ((0, image), (0.0, image), (1, network), (1.0, network)):
        np.testing.assert_array_equal(restorer(image, strength=strength), expected)
        own = image.copy()
        restorer(own, strength=strength, out=own)
        np.testing.assert_array_equal(own, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("tile", [0, 32])
def test_strength_between_is_the_fraction_rounded_half_up(dtype, tile):
    image = random_image((70, 40, 3), dtype=dtype)
    restorer = Restorer(DarkeningRunner(), tile=tile)
    network = restorer(image)
    # Sums of powers of two, so that the fractions below are those of the floats.
    for strength in (Fraction(1, 2), Fraction(3, 8)):
        exact = [
            (1 - strength) * int(one) + strength * int(other)
            for one, other in zip(image.flat, network.flat, strict=True)
        ]
        expected = [(value + Fraction(1, 2)).__floor__() for value in exact]
        for place in (None, image.copy()):
            given = image if place is None else place
            blended = restorer(given, strength=float(strength), out=place)
            np.testing.assert_array_equal(blended.ravel(), expected)


def test_floats_between_stay_in_range_and_in_between():
    image = random_image((65, 9, 3), dtype=np.float32)
    image[0, 0], image[1, 1] = 0, 1
    other = random_image((65, 9, 3), seed=1, dtype=np.float32)
    other[0, 0], other[1, 1] = 0, 1
    for strength in np.random.default_rng(0).random(20):
        out = np.empty_like(image)
        blend(image, other, float(strength), out)
        expected = image + (other - image) * np.float32(strength)
        np.testing.assert_allclose(out, expected, atol=2e-7)
        assert (out >= np.minimum(image, other)).all()
        assert (out <= np.maximum(image, other)).all()
        assert (out[0, 0] == 0).all() and (out[1, 1] == 1).all()


@pytest.mark.parametrize("strength", [-0.001, 1.001, np.nan, np.inf])
def test_strength_outside_is_refused(strength):
    with pytest.raises(InputError, match=r"strength from 0 to 1\. Received: "):
        Restorer(DarkeningRunner())(random_image((8, 8, 3)), strength=strength)


def test_photos_are_blended(tmp_path):
    from PIL import Image

    pixels = random_image((40, 50, 3))
    source, target = tmp_path / "a.png", tmp_path / "b.png"
    Image.fromarray(pixels).save(source)
    restorer = Restorer(DarkeningRunner())
    assert not restore_photos(restorer, [Job(source, target)], strength=0.5)
    with Image.open(target) as image:
        np.testing.assert_array_equal(image, restorer(pixels, strength=0.5))
