import dataclasses
import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from egnet_tf.data.synthesis import camera as synthesis
from egnet_tf.data.synthesis.camera import Camera, random_camera
from egnet_tf.data.synthesis.light import linear_to_srgb, srgb_to_linear
from egnet_tf.data.synthesis.motion import blur
from egnet_tf.data.synthesis.options import BlurOptions, happens
from egnet_tf.errors import InputError
from helpers import random_image


def smooth_image(seed=0, side=64):
    """A photograph's colours without its finest detail: uint8 (side, side, 3)."""
    noise = np.random.default_rng(seed).standard_normal((side, side, 3))
    image = ndimage.gaussian_filter(noise, (3, 3, 0))
    return np.uint8(np.clip(128 + 60 * image / image.std(), 0, 255))


def test_blur_in_linear_light_is_brighter_than_in_stored_values():
    """The mean of black and white: 188 = sRGB(1/2) as light, 128 as a stored value."""
    stripes = np.zeros((8, 32, 3), np.uint8)
    stripes[:, ::2] = 255
    kernel = np.array([[0, 0, 0], [0.25, 0.5, 0.25], [0, 0, 0]], np.float32)
    for linear, expected in ((True, 188), (False, 128)):
        camera = Camera(linear, noise=0)
        blurry = camera.blurry(blur(camera.scene(stripes), kernel), Unused())
        np.testing.assert_array_equal(blurry, expected)


class Unused:
    """A generator whose numbers do not matter, because there is no noise."""

    def uniform(self, low, high):
        return low

    def standard_normal(self, shape, dtype):
        return np.ones(shape, dtype)


@pytest.mark.parametrize("linear", [False, True])
def test_camera_without_noise_stores_the_sharp_image_unchanged(linear):
    levels = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3)
    camera = Camera(linear, noise=0)
    scene = camera.scene(levels)
    np.testing.assert_array_equal(camera.sharp(scene), levels)
    np.testing.assert_array_equal(camera.blurry(scene, Unused()), levels)


def test_clipped_lights_draw_lines_and_nothing_else_changes():
    image = np.full((33, 33, 3), 60, np.uint8)
    image[16, 16] = 255, 254, 253  # a lamp
    image[8, 16] = 255, 255, 100  # a yellow petal
    line = np.full((1, 15), 1 / 15, np.float32)
    kernel = np.zeros((15, 15), np.float32)
    kernel[7] = line
    dim, bright = Camera(True, noise=0), Camera(True, light_gain=8.0, noise=0)
    scene = bright.scene(image)
    # The equation: m = 253, so 13/15 of the way from 1 to 8.
    gain = 1 + 7 * 13 / 15
    expected = srgb_to_linear(np.array([255, 254, 253]) / 255) * gain
    np.testing.assert_allclose(scene[16, 16], expected, rtol=1e-5)
    others = np.ones((33, 33), bool)
    others[16, 16] = False
    np.testing.assert_array_equal(scene[others], dim.scene(image)[others])
    # Sharp it is what it was, but for what is now truly clipped.
    np.testing.assert_array_equal(bright.sharp(scene)[others], image[others])
    np.testing.assert_array_equal(bright.sharp(scene)[16, 16], 255)
    path = bright.blurry(blur(scene, kernel), Unused())[16, 12:21].mean()
    weak = dim.blurry(blur(dim.scene(image), kernel), Unused())[16, 12:21].mean()
    light = srgb_to_linear(60 / 255) * 14 / 15 + expected[1] / 15
    assert path == pytest.approx(255 * linear_to_srgb(light), abs=1.5)
    assert path > weak + 50


def test_large_bright_areas_are_no_lights():
    image = np.full((20, 20, 3), 255, np.uint8)
    image[:10] = 30
    np.testing.assert_array_equal(
        Camera(True, light_gain=8.0).scene(image), Camera(True).scene(image)
    )


@pytest.mark.parametrize("factor", [0.0, 0.5, 3.0])
def test_noise_scales_the_deviation_of_shot_and_read_noise(factor):
    light = np.repeat(np.float32([0.05, 0.2, 0.6]), 3 * 20000).reshape(3, -1, 3)
    received = Camera(True, noise=factor).blurry(light, np.random.default_rng(1))
    draws = np.random.default_rng(1)
    shot, read = 10 ** draws.uniform(-5.0, -3.4), 10 ** draws.uniform(-4.0, -3.3)
    slope = (linear_to_srgb(light + 1e-4) - linear_to_srgb(light - 1e-4)) / 2e-4
    variance = (shot * light + read**2) * (255 * factor * slope) ** 2
    # Rounding adds 1/12, or up to 1/4 for a value midway without other noise.
    assert received.var(axis=(1, 2)) == pytest.approx(
        variance[:, 0, 0], rel=0.06, abs=0.13
    )


def test_noise_in_stored_values_is_below_one_level_times_the_factor():
    grey = np.full((60, 60, 3), 127.0, np.float32)
    for factor in (1.0, 4.0):
        deviations = [
            Camera(False, noise=factor).blurry(grey, np.random.default_rng(seed)).std()
            for seed in range(50)
        ]
        # Uniform up to it, with a twelfth of a square for rounding.
        assert max(deviations) < np.sqrt(factor**2 + 1 / 12) + 0.05
        assert np.mean(deviations) == pytest.approx(factor / 2, abs=0.25 * factor)


def test_noise_of_the_mosaic_is_what_opencv_demosaics():
    """The whole image with its noise through OpenCV, less the image without it."""
    import cv2

    rng = np.random.default_rng(2)
    deviation = rng.uniform(500, 1500, (40, 44, 3))
    received = synthesis.mosaic_noise(
        deviation.shape, np.random.default_rng(3), deviation
    )
    draws = np.random.default_rng(3)
    raw = draws.standard_normal((40, 44), dtype=np.float32)
    top, left = draws.integers(2, size=2)
    sites = np.roll(np.tile([[0, 1], [1, 2]], (20, 22)), (top, left), axis=(0, 1))
    raw = raw * np.take_along_axis(deviation, sites[..., None], axis=2)[..., 0]
    mosaic = np.uint16(np.rint(30000 + raw))
    # OpenCV names a mosaic by its second pixel of the second row.
    code = {
        (0, 0): cv2.COLOR_BayerRGGB2RGB,
        (0, 1): cv2.COLOR_BayerGRBG2RGB,
        (1, 0): cv2.COLOR_BayerGBRG2RGB,
        (1, 1): cv2.COLOR_BayerBGGR2RGB,
    }[int(top), int(left)]
    expected = cv2.demosaicing(mosaic, code).astype(float) - 30000
    inner = np.s_[2:-2, 2:-2]
    np.testing.assert_allclose(received[inner], expected[inner], atol=2)


def test_noise_of_the_mosaic_is_correlated_between_neighbours():
    noise = synthesis.mosaic_noise((200, 200, 3), np.random.default_rng(4))
    plain = np.random.default_rng(4).standard_normal((200, 200, 3))

    def correlation(x):
        return (x[:, 1:] * x[:, :-1]).mean() / (x * x).mean()

    assert correlation(plain) == pytest.approx(0, abs=0.02)
    assert all(correlation(noise[..., c]) > 0.35 for c in range(3))
    # A quarter of red and blue is measured, and half of green.
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise[..., 1].var() > noise[..., 0].var()


def test_denoising_is_a_bilateral_filter_of_brightness_and_a_gaussian_of_colour():
    image = smooth_image(5, 32) + np.random.default_rng(5).normal(0, 6, (32, 32, 3))
    received = synthesis.denoised(image, 9.0, 1.1)
    # ITU-R BT.601.
    clipped = np.clip(image, 0, 255)
    y = clipped @ [0.299, 0.587, 0.114]
    cr, cb = 0.713 * (clipped[..., 0] - y), 0.564 * (clipped[..., 2] - y)
    cr, cb = (ndimage.gaussian_filter(c, 1.1, mode="mirror") for c in (cr, cb))
    padded = np.pad(y, 2, mode="reflect")
    total, weights = np.zeros_like(y), np.zeros_like(y)
    for row in range(-2, 3):
        for column in range(-2, 3):
            if np.hypot(row, column) > 2:
                continue
            near = padded[2 + row : 34 + row, 2 + column : 34 + column]
            weight = np.exp(-(row**2 + column**2) / (2 * 1.2**2))
            weight = weight * np.exp(-((near - y) ** 2) / (2 * 9.0**2))
            total += weight * near
            weights += weight
    y = total / weights
    red, blue = y + 1.403 * cr, y + 1.773 * cb
    expected = np.stack([red, y - 0.714 * cr - 0.344 * cb, blue], axis=-1)
    np.testing.assert_allclose(received, expected, atol=0.5)


def test_denoising_takes_noise_away_and_keeps_edges():
    step = np.full((40, 40, 3), 60.0)
    step[:, 20:] = 200
    noisy = step + np.random.default_rng(6).normal(0, 3, step.shape)
    received = synthesis.denoised(noisy, 12.0, 1.5)
    flat = np.s_[5:-5, 5:15]
    assert received[flat].std() < 0.6 * noisy[flat].std()
    assert np.abs(received[:, 20] - received[:, 19]).mean() > 130


def test_sharpening_is_an_unsharp_mask():
    image = smooth_image(7).astype(np.float32)
    expected = image + 0.7 * (
        image - ndimage.gaussian_filter(image, (0.9, 0.9, 0), mode="mirror")
    )
    np.testing.assert_allclose(
        synthesis.sharpened(image, 0.7, 0.9), expected, atol=0.05
    )


@pytest.mark.parametrize("subsampled", [False, True])
@pytest.mark.parametrize("quality", [70, 85, 98])
def test_jpeg_is_that_of_pillow(quality, subsampled):
    image = smooth_image(8)
    file = io.BytesIO()
    Image.fromarray(image).save(
        file, "jpeg", quality=quality, subsampling=2 if subsampled else 0
    )
    expected = np.asarray(Image.open(file)).astype(int)
    received = synthesis.compressed(image, quality, subsampled)
    assert np.abs(received - expected).mean() < 0.2
    # Colour of half the resolution loses more.
    other = synthesis.compressed(image, quality, not subsampled)
    assert np.abs(other - expected).mean() > np.abs(received - expected).mean()


def test_jpeg_blocks_start_where_they_are_asked_to():
    """Steps between blocks of 8 pixels, at the strongest compression."""
    image = smooth_image(9)
    for row, column in ((0, 0), (-3, -5), (-13, 0)):
        received = synthesis.compressed(image, 5, False, row, column).astype(float)
        assert received.shape == image.shape
        for axis, start in ((0, row), (1, column)):
            steps = np.abs(np.diff(received, axis=axis)).mean(axis=(1 - axis, 2))
            phases = [steps[(7 + phase) % 8 :: 8].mean() for phase in range(8)]
            assert np.argmax(phases) == start % 8


def test_processing_comes_after_the_noise():
    """Denoised noise is weaker, and JPEG leaves the noise of demosaicing in blocks."""
    grey = np.full((64, 64, 3), 0.2, np.float32)
    plain = Camera(True, noise=3.0)
    deviation = plain.blurry(grey, np.random.default_rng(10)).std()
    soft = dataclasses.replace(plain, denoise=(12.0, 1.5))
    assert soft.blurry(grey, np.random.default_rng(10)).std() < 0.7 * deviation
    hard = dataclasses.replace(plain, sharpen=(1.0, 1.0))
    assert hard.blurry(grey, np.random.default_rng(10)).std() > 1.3 * deviation
    jpeg = dataclasses.replace(plain, jpeg=(80, True, -3, -4))
    raw = plain.blurry(grey, np.random.default_rng(10))
    np.testing.assert_array_equal(
        jpeg.blurry(grey, np.random.default_rng(10)),
        synthesis.compressed(raw, 80, True, -3, -4),
    )


def test_defaults_are_a_camera_that_only_adds_noise_and_draw_nothing():
    rng = np.random.default_rng(11)
    before = rng.bit_generator.state
    assert random_camera(BlurOptions(), rng) == Camera(linear=False)
    assert random_camera(BlurOptions(linear_fraction=1.0), rng) == Camera(linear=True)
    assert rng.bit_generator.state == before


@pytest.mark.parametrize(
    ("field", "seen"),
    [
        ("linear_fraction", lambda camera: camera.linear),
        ("lights_fraction", lambda camera: camera.light_gain > 1),
        ("demosaic_fraction", lambda camera: camera.demosaic),
        ("denoise_fraction", lambda camera: camera.denoise is not None),
        ("sharpen_fraction", lambda camera: camera.sharpen is not None),
        ("jpeg_fraction", lambda camera: camera.jpeg is not None),
    ],
)
def test_each_effect_happens_in_its_fraction(field, seen):
    rng = np.random.default_rng(12)
    options = BlurOptions(**{"linear_fraction": 1.0, field: 0.25})
    cameras = [random_camera(options, rng) for _ in range(400)]
    assert 0.18 < np.mean([seen(camera) for camera in cameras]) < 0.33
    usual = Camera(linear=True)
    if field != "linear_fraction":
        assert all(camera == usual for camera in cameras if not seen(camera))


def test_jpeg_qualities_and_subsampling_are_those_of_the_model():
    rng = np.random.default_rng(13)
    options = BlurOptions(jpeg_fraction=1.0)
    drawn = np.array([random_camera(options, rng).jpeg for _ in range(600)])
    quality, subsampled, row, column = drawn.T
    assert (quality.min(), quality.max()) == (70, 98)
    assert 0.4 < subsampled.mean() < 0.6
    assert set(row) == set(column) == set(range(-15, 1))


def test_lights_need_linear_light():
    rng = np.random.default_rng(14)
    options = BlurOptions(linear_fraction=0.5, lights_fraction=1.0)
    cameras = [random_camera(options, rng) for _ in range(50)]
    assert all((camera.light_gain > 1) == camera.linear for camera in cameras)


def test_options_out_of_range_are_refused():
    with pytest.raises(InputError, match=r"at most 1 .* Received: 1\.5"):
        BlurOptions(jpeg_fraction=1.5)
    with pytest.raises(InputError, match=r"at least 0 .* Received: -1"):
        BlurOptions(noise=-1)


def test_happens_in_its_fraction_of_cases():
    rng = np.random.default_rng(15)
    assert np.mean([happens(0.3, rng) for _ in range(3000)]) == pytest.approx(
        0.3, abs=0.03
    )
    assert not any(happens(0.0, rng) for _ in range(100))
    assert all(happens(1.0, rng) for _ in range(100))


def test_every_effect_at_once_gives_whole_images():
    image = random_image((33, 47, 3))
    camera = Camera(
        True, 16.0, 3.0, True, (12.0, 1.5), (1.0, 0.6), jpeg=(70, True, -15, -1)
    )
    scene = camera.scene(image)
    received = camera.blurry(scene, np.random.default_rng(16))
    assert received.shape == image.shape
    assert received.dtype == np.uint8
    assert received.flags.c_contiguous
