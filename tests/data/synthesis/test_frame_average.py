import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, signal

from egnet_tf.data import open_pairs
from egnet_tf.data.datasets import camera_motion
from egnet_tf.data.datasets.camera_motion import CameraMotionOptions, CameraMotionPairs
from egnet_tf.data.synthesis import frame_average
from egnet_tf.data.synthesis.camera_shake import spread
from egnet_tf.data.synthesis.motion import Convolution, blur
from egnet_tf.data.synthesis.options import BlurOptions
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


def random_kernel(rng):
    return spread(frame_average.random_pan(rng)[0])


def test_pan_kernels_keep_the_light_and_have_the_extents_of_the_model():
    rng = np.random.default_rng(1)
    kernels = [random_kernel(rng) for _ in range(300)]
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
        kernel = random_kernel(rng)
        reach = np.arange(len(kernel)) - len(kernel) // 2
        assert kernel[len(kernel) // 2, len(kernel) // 2] > 0
        centre = np.array([kernel.sum(0) @ reach, kernel.sum(1) @ reach])
        centred.append(np.abs(centre).max() / max(extent(kernel), 1))
    # A bent path is not symmetric, a straight one is.
    assert np.median(centred) < 0.1


def test_frame_average_is_a_convolution_of_stored_values():
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (40, 50, 3)).astype(np.float32)
    kernel = random_kernel(rng)
    reach = len(kernel) // 2
    expected = np.stack(
        [signal.convolve2d(image[..., c], kernel, mode="valid") for c in range(3)], -1
    )
    inner = blur(image, kernel)[reach : 40 - reach, reach : 50 - reach]
    np.testing.assert_allclose(inner, expected, atol=1e-2)


def test_pan_kernel_equals_the_mean_of_shifted_frames():
    """The second route of film: move the image, frame by frame, and average."""
    image = np.zeros((31, 31), np.float32)
    image[15, 15] = 1
    path = np.array([[-4.5, -2.25, 0.0, 2.25, 4.5], [2.0, 1.0, 0.0, -1.0, -2.0]])
    frames = [ndimage.shift(image, (y, x), order=1) for x, y in path.T]
    kernel = spread(path)
    reach = len(kernel) // 2
    cut = slice(15 - reach, 16 + reach)
    np.testing.assert_allclose(kernel, np.mean(frames, axis=0)[cut, cut], atol=1e-6)


def test_moving_foreground_occludes_the_background():
    rng = np.random.default_rng(4)
    scene = np.full((60, 60, 3), 50, np.float32)
    moving = np.full((60, 60, 3), 200, np.float32)
    motion = Convolution(random_kernel(rng))

    def composite(mask):
        return frame_average.composite_moving_object(
            (scene, scene), moving, mask, motion, 0
        )

    everywhere = np.ones((60, 60, 1), np.float32)
    for mask, value in ((everywhere, 200), (0 * everywhere, 50)):
        for image in composite(mask):
            np.testing.assert_allclose(image, value, rtol=1e-5)
    # A blurry edge is the share of the time for which the moving object covers it.
    mask = np.zeros((60, 60, 1), np.float32)
    mask[:, 30:] = 1
    blurry, sharp = composite(mask)
    cover = blur(mask, motion.kernel)
    np.testing.assert_allclose(blurry, 50 + 150 * np.repeat(cover, 3, -1), atol=1e-3)
    np.testing.assert_array_equal(sharp[..., 0], 50 + 150 * mask[..., 0])


def test_objects_without_motion_cover_one_another_as_layers_of_a_painting():
    """Pillow pastes the same layers, one after the other."""
    rng = np.random.default_rng(5)
    layers = rng.integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    still = Convolution(np.ones((1, 1), np.float32))
    inner = layers[0, 8:-8, 8:-8].astype(np.float32)
    behind = (inner, inner)
    expected = Image.fromarray(layers[0])
    for layer in layers[1:]:
        mask = frame_average.random_mask(48, rng, max_softness=6.0)
        behind = frame_average.composite_moving_object(
            behind, layer.astype(np.float32), mask, still, 8
        )
        alpha = Image.fromarray(np.uint8(np.rint(255 * mask[..., 0])))
        expected.paste(Image.fromarray(layer), mask=alpha)
    for received in behind:
        np.testing.assert_allclose(received, np.asarray(expected)[8:-8, 8:-8], atol=2)


def test_outlines_are_as_soft_as_asked_for():
    """A step under a Gaussian of deviation s has the steepest slope 1 / (s sqrt(2 pi)).

    Small blobs are flatter, never steeper.
    """

    def slopes(**options):
        rng = np.random.default_rng(6)
        masks = [frame_average.random_mask(200, rng, **options) for _ in range(30)]
        return np.array([np.hypot(*np.gradient(m[..., 0])).max() for m in masks])

    steepest = 1 / np.sqrt(2 * np.pi)
    edges = slopes()
    assert (edges < 1.1 * steepest / 0.7).all()
    assert np.median(edges) > 0.6 * steepest / 0.7
    soft = slopes(max_softness=8.0)
    # The middle of the logarithms: sqrt(0.7 * 8) = 2.4.
    assert 1.5 < steepest / np.median(soft[soft > 0]) < 4
    assert soft[soft > 0].min() < steepest / 4


def test_crop_has_as_many_moving_objects_as_asked_for(photos, monkeypatch):
    counts = []
    composite = frame_average.composite_moving_object

    def counted(*arguments):
        counts[-1] += 1
        return composite(*arguments)

    monkeypatch.setattr(camera_motion, "composite_moving_object", counted)
    for most in (1, 3):
        counts.clear()
        pairs = CameraMotionPairs(photos, CameraMotionOptions(max_objects=most), seed=1)
        rng = np.random.default_rng(0)
        for _ in range(100):
            counts.append(0)
            pairs.crop(0, 16, rng)
        assert set(counts) == set(range(most + 1))
        assert 0.15 < np.mean(np.array(counts) > 0) < 0.45


def test_native_photographs_are_not_upscaled(photos):
    """Cubic interpolation of squares of 9 pixels makes levels that were not there."""
    pairs = [
        CameraMotionPairs(photos, CameraMotionOptions(blur=options), seed=1)
        for options in (BlurOptions(), BlurOptions(native=("o*", "other/*")))
    ]
    edges = []
    for each in pairs:
        rng = np.random.default_rng(0)
        crops = [each.crop(0, 64, rng).sharp.astype(float) for _ in range(60)]
        edges.append([np.abs(np.diff(crop, axis=1)).mean() for crop in crops])
    upscaled, native = np.mean(edges, axis=1)
    assert native > 1.2 * upscaled


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
