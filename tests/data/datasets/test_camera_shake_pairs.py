import dataclasses

import numpy as np
import pytest
from scipy import signal

from egnet_tf.data import open_pairs
from egnet_tf.data.datasets.camera_motion import CameraMotionOptions, CameraMotionPairs
from egnet_tf.data.datasets.camera_shake import CameraShakeOptions, CameraShakePairs
from egnet_tf.data.datasets.samples import sample_photos
from egnet_tf.data.pairs import random_corner
from egnet_tf.data.registry import default_options
from egnet_tf.data.synthesis import camera_shake, light
from egnet_tf.data.synthesis.options import BlurOptions
from egnet_tf.errors import InputError
from egnet_tf.images.read import read_image
from egnet_tf.images.write import write_image
from egnet_tf.options import from_text
from helpers import random_image


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    paths = {}
    for name in ("one", "two"):
        coarse = rng.integers(0, 256, (10, 12, 3), dtype=np.uint8)
        paths[name] = tmp_path / f"{name}.png"
        write_image(paths[name], np.kron(coarse, np.ones((9, 9, 1), np.uint8)))
    return paths


def test_camera_shake_depends_on_seed_and_name_alone(photos):
    pairs = CameraShakePairs(photos, seed=1)
    first = pairs.read(1)
    np.testing.assert_array_equal(first.sharp, read_image(photos["two"]))
    assert (first.blurry != first.sharp).any()
    pairs.crop(1, 32, np.random.default_rng(0))
    np.testing.assert_array_equal(first.blurry, pairs.read(1).blurry)
    alone = CameraShakePairs({"two": photos["two"]}, seed=1)
    np.testing.assert_array_equal(first.blurry, alone.read(0).blurry)
    other = CameraShakePairs(photos, seed=2)
    assert (first.blurry != other.read(1).blurry).any()


def test_camera_shakes_of_one_photograph_differ(photos):
    pairs = CameraShakePairs(photos, seed=1, shakes=2)
    assert pairs.names == ("one_shake1", "one_shake2", "two_shake1", "two_shake2")
    a, b = pairs.read(2), pairs.read(3)
    np.testing.assert_array_equal(a.sharp, b.sharp)
    assert (a.blurry != b.blurry).any()


def test_camera_shake_crops_are_random_and_follow_the_generator(photos):
    pairs = CameraShakePairs(photos, seed=1)
    a, b = (pairs.crop(0, 48, np.random.default_rng(n)).blurry for n in (5, 6))
    assert (a != b).any()
    np.testing.assert_array_equal(a, pairs.crop(0, 48, np.random.default_rng(5)).blurry)


def test_camera_shake_crops_are_blurred_with_pixels_beyond_their_border(photos):
    pairs = CameraShakePairs(photos, seed=1)
    photo = read_image(photos["one"])
    inside = 0
    for seed in range(20):
        crop = pairs.crop(0, 40, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        kernel = camera_shake.random_kernel(rng)
        top, left = random_corner(*photo.shape[:2], 40, rng)
        np.testing.assert_array_equal(
            crop.sharp, photo[top : top + 40, left : left + 40]
        )
        reach = len(kernel) // 2
        bottom, right = top + 40 + reach, left + 40 + reach
        if min(top, left) < reach or bottom > len(photo) or right > photo.shape[1]:
            continue
        inside += 1
        around = photo[top - reach : bottom, left - reach : right]
        linear = light.srgb_to_linear(around / 255)
        blurred = [
            signal.convolve(linear[..., c], kernel, mode="valid") for c in range(3)
        ]
        expected = 255 * light.linear_to_srgb(np.stack(blurred, axis=-1))
        assert np.std(crop.blurry - expected) < 3
    assert inside >= 5


def test_share_of_the_crops_stays_sharp(photos):
    pairs = CameraShakePairs(photos, CameraShakeOptions(sharp_fraction=0.25), seed=1)
    rng = np.random.default_rng(0)
    crops = [pairs.crop(0, 40, rng) for _ in range(200)]
    # Without movement the two differ by the sensor's noise alone: see `camera_shake`.
    still = [np.abs(blurry - sharp.astype(float)).mean() < 2 for blurry, sharp in crops]
    all_shaken = CameraShakePairs(photos, seed=1)
    moved = [all_shaken.crop(0, 40, rng) for _ in range(200)]
    assert all(np.abs(b - s.astype(float)).mean() > 2 for b, s in moved)
    assert 0.15 < np.mean(still) < 0.35


def test_camera_shake_crops_can_be_softened(photos):
    """Enlarged three times, squares of 9 pixels become squares of up to 27."""
    pairs = CameraShakePairs(photos, CameraShakeOptions(max_upscale=3.0), seed=1)
    rng = np.random.default_rng(0)
    hard = CameraShakePairs(photos, seed=1)

    def edges(source):
        crops = [source.crop(0, 48, rng).sharp.astype(float) for _ in range(150)]
        return np.mean([np.abs(np.diff(crop, axis=1)).mean() for crop in crops])

    assert 0.3 < edges(pairs) / edges(hard) < 0.8


def test_photograph_smaller_than_the_crop_is_mirrored(photos):
    pair = CameraShakePairs(photos, seed=1).crop(0, 128, np.random.default_rng(0))
    expected = np.pad(
        read_image(photos["one"]), ((0, 38), (0, 20), (0, 0)), mode="reflect"
    )
    np.testing.assert_array_equal(pair.sharp, expected)
    assert pair.blurry.shape == (128, 128, 3)


def test_samples_are_real_photographs_and_the_splits_share_none():
    train, test = sample_photos("train"), sample_photos("test")
    assert len(train) == 5
    assert len(test) == 3
    images = {**train, **test}
    assert len({read_image(path).tobytes() for path in images.values()}) == 8
    for path in images.values():
        pixels = read_image(path).astype(int)
        assert min(pixels.shape[:2]) >= 256
        assert np.ptp(pixels, axis=2).mean() > 5  # in colour
    # A stereo pair is one scene.
    assert {"motorcycle_left", "motorcycle_right"} <= set(train)


def test_open_pairs_gives_samples():
    assert len(open_pairs("samples", split="train")) == 5
    test = open_pairs("samples", split="test", seed=1)
    assert len(test) == len(set(test.names)) == 6
    with pytest.raises(InputError, match="Received: nonsense"):
        open_pairs("nonsense", split="train")
    with pytest.raises(InputError, match="Received: validation"):
        open_pairs("samples", split="validation")


@pytest.mark.parametrize("kind", [CameraShakePairs, CameraMotionPairs])
@pytest.mark.parametrize("size", [(1, 1), (2, 90), (70, 50)])
def test_all_effects_at_once_on_photographs_of_any_size(tmp_path, kind, size):
    write_image(tmp_path / "a.png", random_image((*size, 3)))
    names = {field.name for field in dataclasses.fields(BlurOptions)} - {"native"}
    blur = BlurOptions(**dict.fromkeys(names, 1.0))
    options = {
        CameraShakePairs: CameraShakeOptions(max_upscale=3.0, blur=blur),
        CameraMotionPairs: CameraMotionOptions(3, 5.0, blur),
    }[kind]
    pairs = kind({"a": tmp_path / "a.png"}, options, seed=0)
    whole = pairs.read(0)
    assert whole.blurry.shape == whole.sharp.shape == (*size, 3)
    np.testing.assert_array_equal(whole.blurry, pairs.read(0).blurry)
    for seed in range(6):
        crop, again = (pairs.crop(0, 24, np.random.default_rng(seed)) for _ in "12")
        assert crop.blurry.shape == crop.sharp.shape == (24, 24, 3)
        assert crop.blurry.dtype == crop.sharp.dtype == np.uint8
        np.testing.assert_array_equal(crop.blurry, again.blurry)
        np.testing.assert_array_equal(crop.sharp, again.sharp)


def test_options_are_flags_of_both_kinds_and_say_what_is_read(photos):
    folder = next(iter(photos.values())).parent
    flags = "--camera_shake_noise=0\n--camera_motion_linear_fraction=0.5\n"
    options = from_text(default_options(), flags)
    assert options["camera_motion"].blur == BlurOptions(linear_fraction=0.5)
    assert options["camera_shake"].blur == BlurOptions(linear_fraction=1.0, noise=0.0)
    # Without noise and motion, nothing is left.
    still = from_text(options, "--camera_shake_extent=0\n")
    pair = open_pairs(f"camera_shake:{folder}", split="test", options=still).read(0)
    np.testing.assert_array_equal(pair.blurry, pair.sharp)


def test_native_photographs_are_not_upscaled(photos):
    blur = BlurOptions(linear_fraction=1.0, native=("on?",))
    options = CameraShakeOptions(max_upscale=3.0, blur=blur)
    pairs = CameraShakePairs(photos, options, seed=1)
    colours = {
        index: set(map(tuple, pairs.read(index).sharp.reshape(-1, 3)))
        for index in (0, 1)
    }
    for seed in range(5):
        crops = [pairs.crop(i, 24, np.random.default_rng(seed)).sharp for i in (0, 1)]
        native, upscaled = (set(map(tuple, c.reshape(-1, 3))) for c in crops)
        assert native <= colours[0]
        assert not upscaled <= colours[1]
