import numpy as np
import pytest
from scipy import signal

from egnet_tf.data.synthesis import camera_shake, light
from helpers import random_image


def centroid(kernel):
    reach = np.arange(len(kernel)) - len(kernel) // 2
    return kernel.sum(axis=0) @ reach, kernel.sum(axis=1) @ reach


def test_random_kernels_are_centred_and_keep_the_light():
    rng = np.random.default_rng(1)
    sides = []
    for _ in range(200):
        kernel = camera_shake.random_kernel(rng)
        assert kernel.shape[0] == kernel.shape[1]
        assert len(kernel) % 2 == 1
        assert kernel.min() >= 0
        assert kernel.sum() == pytest.approx(1, abs=1e-6)
        assert centroid(kernel) == pytest.approx((0, 0), abs=1e-4)
        rows, columns = np.nonzero(kernel > 1e-6)
        sides.append(max(np.ptp(rows), np.ptp(columns)))
    # Extents are up to 30 pixels; a path between pixels touches one more.
    assert 25 < max(sides) <= 32
    assert min(sides) < 6
    # The middle of the logarithms: sqrt(2 * 30) = 7.7.
    assert 6 < np.median(sides) < 11


def test_trajectories_have_the_given_extent_and_inertia():
    rng = np.random.default_rng(2)
    for _ in range(100):
        path = camera_shake.random_trajectory(rng, max_extent=10)
        assert 2 <= np.ptp(path, axis=0).max() <= 10
        np.testing.assert_allclose(path.mean(axis=0), 0, atol=1e-9)
        velocity = np.diff(path, axis=0)
        now, then = velocity[1:], velocity[:-1]
        # Inertia: successive velocities agree, which in a plain random walk they do
        # not (their correlation would be 0).
        assert (now * then).sum() / (then * then).sum() > 0.3


def test_extent_of_zero_is_no_motion():
    kernel = camera_shake.random_kernel(np.random.default_rng(8), max_extent=0.0)
    np.testing.assert_array_equal(kernel, [[1.0]])


def test_kernel_of_a_steady_straight_motion_is_a_box_smoothed_by_a_tent():
    path = np.stack([np.linspace(-3, 3, 1201), np.zeros(1201)], axis=1)
    expected = np.zeros((7, 7))
    expected[3] = np.array([0.5, 1, 1, 1, 1, 1, 0.5]) / 6
    np.testing.assert_allclose(camera_shake.kernel_of(path), expected, atol=1e-3)


def test_kernel_values_are_proportional_to_the_time_spent():
    # Half of the exposure at rest at each end, and a jump in no time.
    path = np.repeat([[-1.25, 0.5], [1.25, -0.5]], 500, axis=0)
    kernel = camera_shake.kernel_of(path)
    expected = np.zeros((5, 5))
    expected[2:4, 0:2] = np.outer([0.5, 0.5], [0.25, 0.75]) / 2
    expected[1:3, 3:5] = np.outer([0.5, 0.5], [0.75, 0.25]) / 2
    np.testing.assert_allclose(kernel, expected, atol=5e-3)


def test_kernel_without_motion_is_the_identity():
    np.testing.assert_array_equal(camera_shake.kernel_of(np.zeros((50, 2))), [[1.0]])


def test_camera_shake_is_a_convolution_in_linear_light():
    rng = np.random.default_rng(3)
    sharp = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    kernel = rng.random((5, 5)).astype(np.float32)
    kernel /= kernel.sum()
    linear = light.srgb_to_linear(sharp / 255)
    blurred = np.stack(
        [signal.convolve2d(linear[..., c], kernel, mode="valid") for c in range(3)], -1
    )
    expected = 255 * light.linear_to_srgb(blurred)
    received = camera_shake.shake(sharp, kernel, rng)[2:-2, 2:-2]
    # What is left is noise: no more than 3 grey levels, and none on average.
    assert np.std(received - expected) < 3
    assert abs(np.mean(received - expected)) < 0.1


def test_camera_shake_noise_follows_the_equation():
    sharp = np.repeat(np.uint8([[64, 128, 192, 240]]), 3 * 20000).reshape(4, -1, 3)
    expected = light.srgb_to_linear(sharp[:, 0, 0] / 255)
    received = camera_shake.shake(sharp, np.ones((1, 1)), np.random.default_rng(4))
    variance = light.srgb_to_linear(received / 255).var(axis=(1, 2))
    draws = np.random.default_rng(4)
    shot, read = 10 ** draws.uniform(-5.0, -3.4), 10 ** draws.uniform(-4.0, -3.3)
    slope = np.gradient(light.srgb_to_linear(np.linspace(0, 1, 256)), 1 / 255)
    rounding = (slope[[64, 128, 192, 240]] / 255) ** 2 / 12
    expected = shot * expected + read**2 + rounding
    np.testing.assert_allclose(variance, expected, rtol=0.05)


def test_camera_shake_is_reproducible_from_its_generator():
    sharp = random_image((30, 30, 3), seed=5)

    def once(seed):
        rng = np.random.default_rng(seed)
        return camera_shake.shake(sharp, camera_shake.random_kernel(rng), rng)

    np.testing.assert_array_equal(once(6), once(6))
    assert (once(6) != once(7)).any()
