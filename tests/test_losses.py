import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage
from scipy.signal import convolve2d
from scipy.signal.windows import gaussian
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from egnet_tf import losses
from egnet_tf.layers import gradient_map
from egnet_tf.loss_weights import LOSSES, Loss
from egnet_tf.losses import (
    MS_SSIM_WEIGHTS,
    EGNetLoss,
    charbonnier_loss,
    content_loss,
    edge_loss,
    gradient_loss,
    ms_ssim_loss,
    ms_ssim_scales,
    psnr_loss,
    stage_losses,
)

TERMS = {term.__name__: term for term in losses.TERMS.values()}


def photographs(size):
    """Two crops of photographs and what blur and noise make of them."""
    crops = [data.astronaut()[:size, 100 : 100 + size], data.coffee()[:size, :size]]
    sharp = np.stack(crops).astype(np.float32) / 255
    rng = np.random.default_rng(5)
    blurry = ndimage.uniform_filter(sharp, (0, 3, 5, 0))
    restored = blurry + rng.normal(0, 0.02, sharp.shape)
    return restored.astype(np.float32), sharp


def each(function, restored, sharp):
    """One value per image, in float64."""
    pairs = zip(restored.astype(np.float64), sharp.astype(np.float64), strict=True)
    return np.array([function(r, s) for r, s in pairs])


def equation_15(image):
    def normalised_laplacian(x):
        planes = [ndimage.laplace(p, mode="nearest") for p in np.moveaxis(x, -1, 0)]
        magnitude = np.abs(np.stack(planes, axis=-1))
        return magnitude / (magnitude + 0.05)

    mean = ndimage.uniform_filter(image, (3, 3, 1), mode="nearest")
    return normalised_laplacian(mean) * normalised_laplacian(image)


def ms_ssim(x, y, weights):
    """Wang et al. 2003 on one image (H, W, C): the mean over its channels."""
    taps = gaussian(11, 1.5)
    window = np.outer(taps, taps) / np.outer(taps, taps).sum()
    blur = lambda plane: convolve2d(plane, window, mode="valid")  # noqa: E731
    values = []
    for a, b in zip(np.moveaxis(x, -1, 0), np.moveaxis(y, -1, 0), strict=True):
        value = 1.0
        for scale, weight in enumerate(weights):
            if scale:
                h, w = (side // 2 for side in a.shape)
                a, b = (
                    p[: 2 * h, : 2 * w].reshape(h, 2, w, 2).mean(axis=(1, 3))
                    for p in (a, b)
                )
            mean_a, mean_b = blur(a), blur(b)
            variances = blur(a * a) - mean_a**2 + blur(b * b) - mean_b**2
            covariance = blur(a * b) - mean_a * mean_b
            term = (2 * covariance + 0.03**2) / (variances + 0.03**2)
            if scale == len(weights) - 1:
                term *= 2 * mean_a * mean_b + 0.01**2
                term /= mean_a**2 + mean_b**2 + 0.01**2
            value *= term.mean() ** weight
        values.append(value)
    return np.mean(values)


def laplacian_of_gaussian(image):
    """What a Gaussian pyramid loses from one level to the next."""
    taps = np.array([0.05, 0.25, 0.4, 0.25, 0.05])
    kernel = np.outer(taps, taps)

    def blur(x):
        x = np.pad(x, [(2, 2), (2, 2), (0, 0)], mode="edge")
        planes = [convolve2d(p, kernel, mode="valid") for p in np.moveaxis(x, -1, 0)]
        return np.stack(planes, axis=-1)

    coarser = blur(image)[::2, ::2]
    expanded = np.zeros_like(image)
    expanded[::2, ::2] = 4 * coarser
    return image - blur(expanded)


def charbonnier(x, y):
    return np.mean(np.sqrt((x - y) ** 2 + 1e-6))


def test_content_loss_is_equation_13():
    restored, sharp = photographs(24)
    expected = each(lambda r, s: np.mean((s - r) ** 2), restored, sharp)
    np.testing.assert_allclose(content_loss(restored, sharp), expected, rtol=1e-5)


def test_gradient_loss_is_equation_14():
    restored, sharp = photographs(24)
    expected = each(
        lambda r, s: np.mean((equation_15(s) - equation_15(r)) ** 2), restored, sharp
    )
    assert expected.min() > 1e-4
    np.testing.assert_allclose(gradient_loss(restored, sharp), expected, rtol=1e-3)


# 90 is odd once halved, like most crops that are no powers of two.
@pytest.mark.parametrize("size, scales", [(176, 5), (90, 4), (11, 1)])
def test_ms_ssim_loss_is_equation_16(size, scales):
    restored, sharp = photographs(size)
    assert ms_ssim_scales(size) == scales
    kept = np.array(MS_SSIM_WEIGHTS[:scales])
    weights = kept / kept.sum() * sum(MS_SSIM_WEIGHTS)
    expected = each(lambda r, s: 1 - ms_ssim(r, s, weights), restored, sharp)
    assert expected.min() > 0.01
    np.testing.assert_allclose(ms_ssim_loss(restored, sharp), expected, atol=2e-5)


def test_ms_ssim_loss_is_tensorflows():
    restored, sharp = photographs(176)
    expected = 1 - tf.image.ssim_multiscale(restored, sharp, max_val=1.0)
    np.testing.assert_allclose(ms_ssim_loss(restored, sharp), expected, atol=2e-5)


def test_ms_ssim_takes_sides_of_different_length():
    restored, sharp = photographs(64)
    restored, sharp = restored[:, :, :40], sharp[:, :, :40]
    kept = np.array(MS_SSIM_WEIGHTS[:2])
    weights = kept / kept.sum() * sum(MS_SSIM_WEIGHTS)
    expected = each(lambda r, s: 1 - ms_ssim(r, s, weights), restored, sharp)
    np.testing.assert_allclose(ms_ssim_loss(restored, sharp), expected, atol=2e-5)


@pytest.mark.parametrize(
    "size, scales", [(11, 1), (21, 1), (22, 2), (44, 3), (175, 4), (176, 5), (999, 5)]
)
def test_ms_ssim_keeps_a_scale_while_the_window_fits(size, scales):
    assert ms_ssim_scales(size) == scales


def test_ms_ssim_refuses_images_below_the_window():
    with pytest.raises(ValueError, match=r"at least 11 pixels .* Received: 10"):
        ms_ssim_scales(10)


def test_psnr_loss_is_the_soft_shortfall_below_thirty_db():
    restored, sharp = photographs(24)
    psnr = each(
        lambda r, s: peak_signal_noise_ratio(s, r, data_range=1), restored, sharp
    )
    softly = 10 * np.log10(1 + 10 ** ((30 - psnr) / 10))
    np.testing.assert_allclose(psnr_loss(restored, sharp), softly, rtol=1e-4)


def test_charbonnier_loss_equals_its_equation():
    restored, sharp = photographs(24)
    expected = each(charbonnier, restored, sharp)
    np.testing.assert_allclose(charbonnier_loss(restored, sharp), expected, rtol=1e-5)


@pytest.mark.parametrize("size", [24, 25])
def test_edge_loss_is_the_charbonnier_of_laplacians(size):
    restored, sharp = photographs(size)
    expected = each(
        lambda r, s: charbonnier(laplacian_of_gaussian(r), laplacian_of_gaussian(s)),
        restored,
        sharp,
    )
    np.testing.assert_allclose(edge_loss(restored, sharp), expected, rtol=1e-4)


IMAGES = {
    "identical": (photographs(32)[1], photographs(32)[1]),
    "black and white": (np.zeros((1, 32, 32, 3)), np.ones((1, 32, 32, 3))),
    "both grey": (np.full((1, 32, 32, 3), 0.5), np.full((1, 32, 32, 3), 0.5)),
    "inverted": (1 - photographs(32)[1], photographs(32)[1]),
    "out of range": (3 * photographs(32)[0] - 1, photographs(32)[1]),
}


@pytest.mark.parametrize("images", IMAGES)
@pytest.mark.parametrize("name", TERMS)
def test_loss_values_and_gradients_are_finite(name, images):
    restored, sharp = (tf.constant(x, tf.float32) for x in IMAGES[images])
    with tf.GradientTape() as tape:
        tape.watch(restored)
        values = TERMS[name](restored, sharp)
    assert values.shape == restored.shape[:1]
    assert np.isfinite(values).all()
    assert np.isfinite(tape.gradient(values, restored)).all()
    if images == "identical":
        least = 1e-3 if name in ("charbonnier_loss", "edge_loss") else 0
        np.testing.assert_allclose(values, least, atol=1e-6)
    else:
        assert np.all(values >= -1e-6)


@pytest.mark.parametrize("name", TERMS)
def test_loss_of_an_image_does_not_depend_on_its_batch(name):
    restored, sharp = photographs(24)
    together = TERMS[name](restored, sharp)
    alone = [TERMS[name](restored[i : i + 1], sharp[i : i + 1])[0] for i in range(2)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


@pytest.mark.parametrize("normalise", ["max", "minmax", "deviation", "fixed"])
def test_stage_losses_take_the_normaliser_of_the_loss(normalise):
    restored, sharp = photographs(24)
    loss = Loss({"gradient": 1.0}, gradient_normalise=normalise)
    values = stage_losses({"restored": restored}, tf.constant(sharp), loss)
    maps = gradient_map(sharp, normalise) - gradient_map(restored, normalise)
    expected = np.mean(np.square(maps), axis=(1, 2, 3))
    np.testing.assert_allclose(values["loss"], expected, rtol=1e-5)


def test_ms_ssim_at_all_scales_is_the_printed_equation_16():
    restored, sharp = photographs(24)
    loss = Loss({"ms_ssim": 1.0}, ms_ssim="all_scales")
    values = stage_losses({"restored": restored}, tf.constant(sharp), loss)
    weights = np.array([0.0448, 0.2856]) / (0.0448 + 0.2856)
    weights *= 0.0448 + 0.2856 + 0.3001 + 0.2363 + 0.1333

    def ms_ssim(r, s):
        planes = []
        for c in range(3):
            x, y, product = r[..., c], s[..., c], 1.0
            for weight in weights:
                # Luminance and structure at every scale: SSIM itself, averaged.
                _, full = structural_similarity(
                    x,
                    y,
                    data_range=1,
                    gaussian_weights=True,
                    sigma=1.5,
                    use_sample_covariance=False,
                    full=True,
                )
                product *= full[5:-5, 5:-5].mean() ** weight
                x, y = (z.reshape(len(z) // 2, 2, -1, 2).mean((1, 3)) for z in (x, y))
            planes.append(product)
        return 1 - np.mean(planes)

    np.testing.assert_allclose(
        values["loss"], each(ms_ssim, restored, sharp), rtol=1e-4
    )


@pytest.mark.parametrize(
    "loss, weights",
    [
        ("egnet", {"content": 1.0, "gradient": 0.05, "ms_ssim": 0.1}),
        ("mprnet", {"charbonnier": 1.0, "edge": 0.05}),
    ],
)
def test_stage_losses_are_equation_17(loss, weights):
    restored, sharp = photographs(24)
    stages = {"stage2": restored, "stage1": sharp * 0.9}
    values = stage_losses(stages, tf.constant(sharp), LOSSES[loss])
    by_stage = {f"{name}/{stage}" for name in weights for stage in stages}
    assert set(values) == {"loss", *weights, *by_stage}
    expected = 0
    for name, weight in weights.items():
        term = TERMS[f"{name}_loss"]
        each = {stage: term(image, sharp).numpy() for stage, image in stages.items()}
        for stage, value in each.items():
            np.testing.assert_allclose(values[f"{name}/{stage}"], value, rtol=1e-5)
        summed = sum(each.values())
        np.testing.assert_allclose(values[name], summed, rtol=1e-5)
        expected += weight * summed
    np.testing.assert_allclose(values["loss"], expected, rtol=1e-5)


def test_egnet_loss_is_equation_17_for_keras():
    restored, sharp = photographs(24)
    each = stage_losses({"restored": restored}, sharp, LOSSES["egnet"])["loss"]
    np.testing.assert_allclose(EGNetLoss()(sharp, restored), np.mean(each), rtol=1e-6)
    summed = EGNetLoss(reduction="sum")(sharp, restored)
    np.testing.assert_allclose(summed, np.sum(each), rtol=1e-6)


def test_egnet_loss_survives_serialisation():
    restored, sharp = photographs(24)
    loss = EGNetLoss({"charbonnier": 0.5, "edge": 2.0}, name="other")
    serialised = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(serialised)
    assert type(again) is EGNetLoss
    assert (again.weights, again.name) == (loss.weights, "other")
    np.testing.assert_array_equal(again(sharp, restored), loss(sharp, restored))


@pytest.mark.parametrize("weights", [{}, {"sobel": 1.0}])
def test_egnet_loss_refuses_unknown_terms(weights):
    with pytest.raises(ValueError, match=r"content, gradient, ms_ssim, .* Received: "):
        EGNetLoss(weights)
