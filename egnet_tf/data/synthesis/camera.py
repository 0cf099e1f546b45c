r"""What a camera does to the blurry image: light, noise, processing, compression.

For one image, in this order; each step but the last two is left out unless its option
asks for it:

1. Light. Blur is averaged in linear light, y = linear(v), or in stored values, as
   the frames of GoPro were. White lights that were clipped in the photograph are given
   back what was cut off: with m the smallest of a pixel's three values in [0, 255],

       y = linear(v) (1 + (g - 1) max((m - 240) / 15, 0)),

   ln g uniform in [ln 2, ln 16], so that they draw lines when they move. That is done
   to small lights only: where m is at least 240 in more than 1/20 of the pixels, it is
   the sky, which is barely clipped.
2. Noise, before the camera's processing: N(0, a y + b^2) in linear light (a y is shot
   noise, b read noise, in units of full scale), N(0, s^2) in stored values.
3. Colour filter array. The noise of a Bayer mosaic, one number at each pixel, is
   interpolated bilinearly. It is then correlated between neighbouring pixels.
4. The transfer function of IEC 61966-2-1, unless values are stored ones already.
5. Denoising: bilateral filter of the brightness Y, Gaussian of Cb and Cr.
6. Sharpening: v + w (v - G_s * v), an unsharp mask with a Gaussian of deviation s.
7. Rounding to 8 bit.
8. JPEG with a quality of 70 to 98, half of the images with chroma at half the
   resolution. The grid of blocks starts anywhere.

The sharp image is the photograph itself: what a camera did to it, it did before.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from egnet_tf.data.synthesis.light import linear_to_srgb, srgb_to_linear
from egnet_tf.data.synthesis.options import BlurOptions, happens

_LINEAR_OF_BYTE = srgb_to_linear(np.arange(256) / 255.0).astype(np.float32)

# About 0.4 to 2.6 grey levels in the mid-tones: a phone by day and indoors.
_SHOT, _READ = (-5.0, -3.4), (-4.0, -3.3)
_STORED_NOISE = 1.0
_LIGHT_FROM, _MAX_LIGHTS, _LIGHT_GAINS = 240, 1 / 20, (2.0, 16.0)
_RANGE_DEVIATIONS, _SPACE_DEVIATION, _CHROMA_DEVIATIONS = (4.0, 12.0), 1.2, (0.7, 1.5)
_SHARPEN_WEIGHTS, _SHARPEN_DEVIATIONS = (0.2, 1.0), (0.6, 1.2)
_QUALITIES, _BLOCK = (70, 98), 16


@dataclasses.dataclass(frozen=True)
class Camera:
    """What one image goes through; see the steps above.

    Attributes:
        linear: average in linear light rather than in stored values.
        light_gain: g of step 1.
        noise: factor on the deviation of the noise.
        demosaic: whether the noise is that of a colour filter array.
        denoise: the deviations of step 5, of the brightness' range in levels and of
            the chroma in pixels; None leaves the step out.
        sharpen: w and s of step 6, or None.
        jpeg: the quality, whether chroma has half the resolution, and the row and
            column of the first block, each in -15 to 0; or None.
    """

    linear: bool
    light_gain: float = 1.0
    noise: float = 1.0
    demosaic: bool = False
    denoise: tuple[float, float] | None = None
    sharpen: tuple[float, float] | None = None
    jpeg: tuple[int, bool, int, int] | None = None

    def scene(self, image: np.ndarray) -> np.ndarray:
        """What is averaged (step 1): uint8 to linear light, or stored values as floats.

        Returns:
            float32, same shape; linear light in [0, 16], stored values in [0, 255].
        """
        if not self.linear:
            return image.astype(np.float32)
        light = _LINEAR_OF_BYTE[image]
        if self.light_gain > 1:
            whiteness = image.min(axis=-1, keepdims=True)
            if (whiteness >= _LIGHT_FROM).mean() <= _MAX_LIGHTS:
                light *= _gains(self.light_gain)[whiteness]
        return light

    def sharp(self, scene: np.ndarray) -> np.ndarray:
        """A scene as a camera stores it that neither moves nor adds anything: uint8.

        Where `light_gain` is 1 it is the image that the scene was made from.
        """
        return _rounded(255 * linear_to_srgb(scene) if self.linear else scene)

    def blurry(self, scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Steps 2 to 8 for a blurred scene, (H, W, 3) in units of `scene`: uint8."""
        if self.linear:
            shot, read = 10 ** rng.uniform(*_SHOT), 10 ** rng.uniform(*_READ)
            deviation = np.sqrt(shot * np.maximum(scene, 0) + read**2)
            noise = self._noise(scene.shape, rng, deviation)
            noise += scene
            levels = 255 * linear_to_srgb(noise)
        else:
            noise = self._noise(scene.shape, rng)
            noise *= rng.uniform(0, _STORED_NOISE)
            noise += scene
            levels = noise
        if self.denoise:
            levels = denoised(levels, *self.denoise)
        if self.sharpen:
            levels = sharpened(levels, *self.sharpen)
        image = _rounded(levels)
        return compressed(image, *self.jpeg) if self.jpeg else image

    def _noise(
        self,
        shape: tuple[int, ...],
        rng: np.random.Generator,
        deviation: np.ndarray | None = None,
    ) -> np.ndarray:
        """Steps 2 and 3: float32 (H, W, 3), of deviation 1 unless another is given."""
        if self.demosaic:
            noise = mosaic_noise(shape, rng, deviation)
        else:
            noise = rng.standard_normal(shape, dtype=np.float32)
            if deviation is not None:
                noise *= deviation
        if self.noise != 1:
            noise *= self.noise
        return noise


def random_camera(options: BlurOptions, rng: np.random.Generator) -> Camera:
    """Draws what the camera does to one image, each effect in its share of them."""
    linear = happens(options.linear_fraction, rng)
    lights = linear and happens(options.lights_fraction, rng)
    gain = np.exp(rng.uniform(*np.log(_LIGHT_GAINS))) if lights else 1.0
    denoise = sharpen = jpeg = None
    demosaic = happens(options.demosaic_fraction, rng)
    if happens(options.denoise_fraction, rng):
        denoise = rng.uniform(*_RANGE_DEVIATIONS), rng.uniform(*_CHROMA_DEVIATIONS)
    if happens(options.sharpen_fraction, rng):
        sharpen = rng.uniform(*_SHARPEN_WEIGHTS), rng.uniform(*_SHARPEN_DEVIATIONS)
    if happens(options.jpeg_fraction, rng):
        quality = int(rng.integers(*_QUALITIES, endpoint=True))
        row, column = (-int(x) for x in rng.integers(_BLOCK, size=2))
        jpeg = quality, bool(rng.integers(2)), row, column
    return Camera(linear, gain, options.noise, demosaic, denoise, sharpen, jpeg)


def mosaic_noise(
    shape: tuple[int, ...],
    rng: np.random.Generator,
    deviation: np.ndarray | None = None,
) -> np.ndarray:
    """Noise of a Bayer mosaic after bilinear demosaicing (step 3).

    Demosaicing is linear, so that the noise can be interpolated without the image,
    which was demosaiced in its own camera. The mosaic starts with any of its four
    pixels.

    Args:
        shape: (H, W, 3).
        rng: source of random numbers.
        deviation: (H, W, 3), of the noise of each colour at each pixel; by default 1.

    Returns:
        float32 (H, W, 3).
    """
    import cv2  # Of the extra `train`.

    height, width = shape[:2]
    raw = rng.standard_normal((height, width), dtype=np.float32)
    top, left = rng.integers(2, size=2)
    noise = np.zeros((height, width, 3), np.float32)
    for channel, row, column in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        site = np.s_[(row + top) % 2 :: 2, (column + left) % 2 :: 2]
        noise[(*site, channel)] = raw[site]
    if deviation is not None:
        noise *= deviation
    tent = np.array([0.5, 1.0, 0.5], np.float32)
    cross = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
    red, green, blue = (np.ascontiguousarray(x) for x in np.moveaxis(noise, -1, 0))
    border = cv2.BORDER_REFLECT_101
    return np.stack(
        [
            cv2.sepFilter2D(red, -1, tent, tent, borderType=border),
            cv2.filter2D(green, -1, cross, borderType=border),
            cv2.sepFilter2D(blue, -1, tent, tent, borderType=border),
        ],
        axis=-1,
    )


def denoised(
    image: np.ndarray, range_deviation: float, chroma_deviation: float
) -> np.ndarray:
    """A camera's denoising (step 5) of float (H, W, 3) in [0, 255]: float32.

    Args:
        image: stored values; those that are out of range are clipped.
        range_deviation: of the bilateral filter of 5x5 pixels, in levels of 255.
        chroma_deviation: of the Gaussian, in pixels.
    """
    import cv2  # Of the extra `train`.

    image = np.clip(image, 0, 255).astype(np.float32, copy=False)
    brightness, *chroma = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    brightness = cv2.bilateralFilter(brightness, 5, range_deviation, _SPACE_DEVIATION)
    chroma = [cv2.GaussianBlur(each, (0, 0), chroma_deviation) for each in chroma]
    return cv2.cvtColor(cv2.merge([brightness, *chroma]), cv2.COLOR_YCrCb2RGB)


def sharpened(image: np.ndarray, weight: float, deviation: float) -> np.ndarray:
    """A camera's sharpening (step 6) of float (H, W, 3) in [0, 255]: float32."""
    import cv2  # Of the extra `train`.

    image = image.astype(np.float32, copy=False)
    return image + np.float32(weight) * (
        image - cv2.GaussianBlur(image, (0, 0), deviation)
    )


def compressed(
    image: np.ndarray, quality: int, subsampled: bool, row: int = 0, column: int = 0
) -> np.ndarray:
    """An image as a JPEG file stores it (step 8), uint8 (H, W, 3).

    Args:
        image: uint8 (H, W, 3).
        quality: that of libjpeg, 1 to 100.
        subsampled: chroma at half the resolution in both directions (4:2:0); otherwise
            at the full one (4:4:4).
        row: of the first block of the file, at most 0.
        column: of the first block.
    """
    import cv2  # Of the extra `train`.

    padded = cv2.copyMakeBorder(image, -row, 0, -column, 0, cv2.BORDER_REFLECT_101)
    factor = (
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
        if subsampled
        else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    )
    _, file = cv2.imencode(
        ".jpg",
        padded[..., ::-1],
        [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor],
    )
    decoded = cv2.imdecode(file, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[-row:, -column:, ::-1])


def _gains(gain: float) -> np.ndarray:
    """The factor of step 1 for each m."""
    over = np.maximum(np.arange(256) - _LIGHT_FROM, 0) / (255 - _LIGHT_FROM)
    return (1 + (gain - 1) * over).astype(np.float32)


def _rounded(levels: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
