import numpy as np
import pytest
from scipy import integrate, signal
from skimage import transform

from egnet_tf.data.synthesis import motion
from egnet_tf.data.synthesis.camera_shake import spread
from egnet_tf.data.synthesis.options import BlurOptions
from helpers import random_image

STILL = np.zeros((2, 21))


def test_convolution_is_that_of_scipy_without_the_margin():
    rng = np.random.default_rng(0)
    image = rng.random((40, 50, 3), dtype=np.float32)
    blurred = motion.Convolution(kernel := rng.random((7, 7)))
    assert blurred.reach == 3
    expected = np.stack(
        [signal.convolve2d(image[..., c], kernel, mode="valid") for c in range(3)], -1
    )
    np.testing.assert_allclose(blurred(image, 3), expected, rtol=1e-5)


def test_rotation_is_the_mean_of_the_images_that_scikit_image_warps():
    """The equation of the module, with scipy's rotation matrices."""
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(1)
    image = np.kron(rng.random((12, 12, 3)), np.ones((6, 6, 1))).astype(np.float32)
    path = rng.uniform(-4, 4, (2, 6))
    roll = rng.uniform(-0.05, 0.05, 6)
    axis, focal, margin = np.array([150.0, -80.0]), 400.0, 16
    size = (40, 40)
    received = motion.Rotation(path, roll, size=size, axis=axis, focal=focal)
    camera = np.array([[focal, 0, axis[0]], [0, focal, axis[1]], [0, 0, 1]])
    middle = np.array([[1, 0, 35.5], [0, 1, 35.5], [0, 0, 1]])
    frames = []
    for (x, y), angle in zip(path.T, roll, strict=True):
        yaw, pitch = np.arctan([x / focal, y / focal])
        # Extrinsic: first about the x axis, last about z.
        turned = Rotation.from_euler("xyz", [-pitch, yaw, angle]).as_matrix()
        homography = middle @ camera @ turned @ np.linalg.inv(middle @ camera)
        frames.append(
            transform.warp(image, np.linalg.inv(homography), order=1, mode="reflect")
        )
    expected = np.mean(frames, axis=0)[margin:-margin, margin:-margin]
    assert len(received.homographies) == 6
    blurred = received(image, margin)
    assert blurred.shape == (*size, 3)
    # OpenCV's positions are fractions of 1/32 of a pixel.
    assert np.abs(blurred - expected).mean() < 2e-3
    np.testing.assert_allclose(blurred, expected, atol=0.05)


def test_rotation_without_roll_on_a_long_lens_is_the_convolution_of_the_path():
    path = np.linspace([-5.0, 2.5], [5.0, -2.5], 41).T
    rotation = motion.Rotation(
        path, np.zeros(41), size=(40, 40), axis=(0, 0), focal=1e7
    )
    assert rotation.reach == pytest.approx(5, abs=1)
    # At most a pixel from frame to frame.
    assert 11 <= len(rotation.homographies) <= 13
    chosen = rotation.homographies[:, :2, 2].T
    image = random_image((64, 64, 3), dtype=np.float32)
    expected = motion.Convolution(spread(chosen))(image, 12)
    np.testing.assert_allclose(rotation(image, 12), expected, atol=0.02)


def test_roll_draws_arcs_as_long_as_the_distance_from_the_axis():
    roll = np.linspace(-0.04, 0.04, 200)
    rotation = motion.Rotation(
        np.zeros((2, 200)), roll, size=(201, 201), axis=(0, 0), focal=1000.0
    )
    for distance in (20, 50, 90):
        image = np.zeros((201 + 16, 201 + 16, 1), np.float32)
        image[108, 108 + distance] = 1
        arc = rotation(image, 8)[..., 0]
        assert arc.sum() == pytest.approx(1, abs=0.02)
        rows, columns = np.nonzero(arc > 1e-4)
        assert np.ptp(rows) == pytest.approx(0.08 * distance, abs=2.1)
        assert np.abs(np.hypot(rows - 100, columns - 100) - distance).max() < 1.5


def test_random_rotations_stay_within_the_largest_reach_and_vary_over_the_crop():
    rng = np.random.default_rng(2)
    time = np.linspace(-0.5, 0.5, 101)
    variations = []
    for _ in range(100):
        path = np.outer(rng.uniform(-30, 30, 2), time)
        rotation = motion.random_rotation(
            path, time, (128, 128), rng, frame=(720, 1280)
        )
        assert rotation.reach <= motion.MAX_REACH
        # What the ends of the exposure move the corners by.
        corners = np.array([[-64, -64, 1], [64, -64, 1], [-64, 64, 1], [64, 64, 1]])
        first, last = (
            (corners @ h.T)[:, :2] / (corners @ h.T)[:, 2:]
            for h in rotation.homographies[[0, -1]]
        )
        moved = last - first
        variations.append(np.ptp(moved, axis=0).max())
        # The middle of the exposure moves nothing: the sharp image is that one.
        middle = rotation.homographies[len(rotation.homographies) // 2]
        assert np.abs(middle - np.eye(3))[:2].max() < 2
    # 1 degree in the mean, over 128 pixels.
    assert 1 < np.median(variations) < 4


def test_camera_that_stands_still_changes_nothing():
    image = random_image((30, 30, 3), dtype=np.float32)
    rotation = motion.Rotation(
        STILL, np.zeros(21), size=(20, 20), axis=(300, 200), focal=1000.0
    )
    assert rotation.reach == 0
    np.testing.assert_allclose(rotation(image, 5), image[5:-5, 5:-5], atol=1e-6)


@pytest.mark.parametrize("radius", [0.4, 0.5, 1.0, 1.7, 2.0])
def test_disc_covers_each_pixel_by_its_area(radius):
    kernel = motion.disc(radius)
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    reach = len(kernel) // 2
    np.testing.assert_array_equal(kernel, kernel[::-1].T)

    def area(row, column):
        # Of the disc in a pixel: its chord within the pixel, integrated over rows.
        def chord(y):
            half = np.sqrt(max(radius**2 - y**2, 0))
            return max(min(half, column + 0.5) - max(-half, column - 0.5), 0)

        return integrate.quad(chord, row - 0.5, row + 0.5, limit=200)[0]

    places = range(-reach, reach + 1)
    expected = np.array([[area(y, x) for x in places] for y in places])
    assert expected.sum() == pytest.approx(np.pi * radius**2, rel=1e-3)
    np.testing.assert_allclose(kernel, expected / expected.sum(), atol=0.012)


def test_defocused_kernel_is_the_full_convolution_and_keeps_the_light():
    rng = np.random.default_rng(3)
    kernel, defocus = rng.random((5, 5), dtype=np.float32), motion.disc(1.6)
    received = motion.defocused(kernel, defocus)
    np.testing.assert_allclose(received, signal.convolve2d(kernel, defocus), atol=1e-5)


def test_defocus_of_a_rotation_is_that_of_its_frames():
    image = random_image((60, 60, 3), dtype=np.float32)
    arguments = (np.linspace([-3, 0], [3, 0], 7).T, np.linspace(-0.02, 0.02, 7))
    options = {"size": (30, 30), "axis": (100, 50), "focal": 900.0}
    defocus = motion.disc(1.5)
    sharp = motion.Rotation(*arguments, **options)
    soft = motion.Rotation(*arguments, **options, defocus=defocus)
    assert soft.reach == sharp.reach + len(defocus) // 2
    np.testing.assert_allclose(
        soft(image, 15), sharp(motion.blur(image, defocus), 15), atol=1e-6
    )


def test_fractions_say_how_often_a_motion_rotates_or_is_out_of_focus():
    path, time = np.outer([4.0, 0.0], t := np.linspace(-0.5, 0.5, 21)), t

    def draws(**fractions):
        rng = np.random.default_rng(4)
        return [
            motion.random_motion(
                path,
                time,
                spread,
                BlurOptions(**fractions),
                size=(32, 32),
                frame=motion.FRAME,
                rng=rng,
            )
            for _ in range(200)
        ]

    kernel = spread(path)
    for received in draws():
        np.testing.assert_array_equal(received.kernel, kernel)
    rotating = [isinstance(x, motion.Rotation) for x in draws(rotation_fraction=0.25)]
    assert 0.15 < np.mean(rotating) < 0.35
    soft = [x.kernel.max() < kernel.max() / 1.2 for x in draws(defocus_fraction=0.5)]
    assert 0.3 < np.mean(soft) < 0.6
