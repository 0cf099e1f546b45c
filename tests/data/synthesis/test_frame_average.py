import numpy as np
import pytest
from scipy import ndimage, signal

from egnet_tf.data import open_pairs
from egnet_tf.data.datasets.camera_motion import CameraMotionPairs
from egnet_tf.data.synthesis import frame_average
from egnet_tf.images.read import read_image
from egnet_tf.images.write import write_image


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    paths = {}
    for name in ("one", "two"):
        coarse = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        paths[name] = tmp_path / f"{name}.png"
        write_image(paths[name], np.kron(coarse, np.ones((9, 9, 1), np.uint8)))
    return paths


def extent(kernel):
    rows, columns = np.nonzero(kernel > 1e-6)
    return max(np.ptp(rows), np.ptp(columns))


def test_pan_kernels_keep_the_light_and_have_the_extents_of_the_model():
    rng = np.random.default_rng(1)
    kernels = [frame_average.random_pan(rng) for _ in range(300)]
    for kernel in kernels:
        assert kernel.shape[0] == kernel.shape[1]
        assert len(kernel) % 2 == 1
        assert kernel.min() >= 0
        assert kernel.sum() == pytest.approx(1, abs=1e-6)
    extents = [extent(kernel) for kernel in kernels]
    # A path between pixels touches one more; shutters cut its ends off.
    assert max(extents) <= 37
    assert min(extents) >= 1
    # The middle of the logarithms: sqrt(3 * 36) = 10.4.
    assert 8 < np.median(extents) < 13


def test_pan_kernel_is_centred_at_the_middle_of_the_exposure():
    """What is sharp is the frame in the middle: half of the time lies before it."""
    rng = np.random.default_rng(2)
    centred = []
    for _ in range(200):
        kernel = frame_average.random_pan(rng)
        reach = np.arange(len(kernel)) - len(kernel) // 2
        assert kernel[len(kernel) // 2, len(kernel) // 2] > 0
        centre = np.array([kernel.sum(0) @ reach, kernel.sum(1) @ reach])
        centred.append(np.abs(centre).max() / max(extent(kernel), 1))
    # A bent path is not symmetric, a straight one is.
    assert np.median(centred) < 0.1


def test_frame_average_is_a_convolution_of_stored_values():
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (40, 50, 3)).astype(np.float32)
    kernel = frame_average.random_pan(rng)
    reach = len(kernel) // 2
    expected = np.stack(
        [signal.convolve2d(image[..., c], kernel, mode="valid") for c in range(3)], -1
    )
    inner = frame_average.blur(image, kernel)[reach : 40 - reach, reach : 50 - reach]
    np.testing.assert_allclose(inner, expected, atol=1e-2)


def test_pan_kernel_equals_the_mean_of_shifted_frames():
    """The second route of film: move the image, frame by frame, and average."""
    image = np.zeros((31, 31), np.float32)
    image[15, 15] = 1
    path = np.array([[-4.5, -2.25, 0.0, 2.25, 4.5], [2.0, 1.0, 0.0, -1.0, -2.0]])
    frames = [ndimage.shift(image, (y, x), order=1) for x, y in path.T]
    kernel = frame_average.spread(path)
    reach = len(kernel) // 2
    cut = slice(15 - reach, 16 + reach)
    np.testing.assert_allclose(kernel, np.mean(frames, axis=0)[cut, cut], atol=1e-6)


def test_moving_foreground_occludes_the_background():
    rng = np.random.default_rng(4)
    scene = np.full((60, 60, 3), 50, np.float32)
    moving = np.full((60, 60, 3), 200, np.float32)
    kernels = frame_average.random_pan(rng), frame_average.random_pan(rng)
    covered = frame_average.composite_moving_object(
        scene, moving, np.ones((60, 60, 1), np.float32), kernels
    )
    open_ = frame_average.composite_moving_object(
        scene, moving, np.zeros((60, 60, 1), np.float32), kernels
    )
    for received, value in ((covered, 200), (open_, 50)):
        for image in received:
            np.testing.assert_allclose(image, value, rtol=1e-5)
    # A blurry edge is the share of the time for which the moving object covers it.
    mask = np.zeros((60, 60, 1), np.float32)
    mask[:, 30:] = 1
    blurry, sharp = frame_average.composite_moving_object(scene, moving, mask, kernels)
    cover = frame_average.blur(mask, kernels[1])
    np.testing.assert_allclose(blurry, 50 + 150 * np.repeat(cover, 3, -1), atol=1e-3)
    np.testing.assert_array_equal(sharp[..., 0], 50 + 150 * mask[..., 0])


def test_frame_average_noise_is_below_two_grey_levels():
    grey = np.full((100, 100, 3), 127.0, np.float32)
    deviations = [
        frame_average.add_noise_and_quantize(grey, np.random.default_rng(seed)).std()
        for seed in range(50)
    ]
    # Up to 1, with a twelfth of a square for rounding.
    assert max(deviations) < np.sqrt(1 + 1 / 12) + 0.05
    assert np.mean(deviations) > 0.3


def test_frame_average_depends_on_seed_and_name_alone(photos):
    pairs = CameraMotionPairs(photos, seed=1)
    first = pairs.read(1)
    np.testing.assert_array_equal(first.sharp, read_image(photos["two"]))
    pairs.crop(1, 32, np.random.default_rng(0))
    np.testing.assert_array_equal(first.blurry, pairs.read(1).blurry)
    assert (first.blurry != CameraMotionPairs(photos, seed=2).read(1).blurry).any()


def test_frame_average_crops_are_random_and_follow_the_generator(photos):
    pairs = CameraMotionPairs(photos, seed=1)
    a, b = (pairs.crop(0, 48, np.random.default_rng(n)) for n in (5, 6))
    assert (a.blurry != b.blurry).any()
    again = pairs.crop(0, 48, np.random.default_rng(5))
    np.testing.assert_array_equal(a.blurry, again.blurry)
    np.testing.assert_array_equal(a.sharp, again.sharp)
    assert a.blurry.shape == a.sharp.shape == (48, 48, 3)
    assert a.blurry.dtype == a.sharp.dtype == np.uint8


def test_open_pairs_opens_camera_motion(photos):
    folder = next(iter(photos.values())).parent
    train = open_pairs("camera_motion", data_dir=str(folder), split="train")
    test = open_pairs(f"camera_motion:{folder}", split="test")
    assert {*train.names, *test.names} == {"one", "two"}
    assert len(train) == len(test) == 1
