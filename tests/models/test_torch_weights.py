"""Against forward passes in NumPy, in PyTorch's layout and by PyTorch's names.

Each pass below is written from the publication. It draws a weight when it first needs
it, so a pass also makes the checkpoint that the network is to be built from.
"""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from egnet_tf.errors import InputError
from egnet_tf.models import DMPHNConfig, MIMOUNetConfig, MPRNetConfig, Variant
from egnet_tf.models.torch_weights import network_from_torch


class Weights(dict):
    """A state dict that is drawn on demand: weights(name, *shape)."""

    def __init__(self):
        super().__init__()
        self._rng = np.random.default_rng(3)

    def __call__(self, name, *shape):
        if name not in self:
            # Every layer then hands on about what it was given.
            scale = np.prod(shape[1:]) ** -0.5 if len(shape) > 1 else 0.1
            self[name] = self._rng.normal(0, scale, shape).astype(np.float32)
        assert self[name].shape == shape
        return self[name]


def conv(x, weight, bias=None, stride=1):
    """PyTorch's Conv2d: (B, C, H, W), weight (out, in, k, k), padding k // 2."""
    size = weight.shape[-1]
    border = size // 2
    x = np.pad(x, ((0, 0), (0, 0), (border, border), (border, border)))
    windows = sliding_window_view(x, (size, size), axis=(2, 3))[
        :, :, ::stride, ::stride
    ]
    out = np.einsum("bchwij,ocij->bohw", windows, weight, optimize=True)
    return out if bias is None else out + bias[:, None, None]


def transposed_conv(x, weight, bias):
    """PyTorch's ConvTranspose2d: weight (in, out, 4, 4), stride 2, padding 1."""
    batch, _, height, width = x.shape
    out = np.zeros((batch, weight.shape[1], 2 * height + 2, 2 * width + 2))
    for i in range(4):
        for j in range(4):
            part = np.einsum("bchw,co->bohw", x, weight[:, :, i, j])
            out[:, :, i : i + 2 * height : 2, j : j + 2 * width : 2] += part
    return out[:, :, 1:-1, 1:-1] + bias[:, None, None]


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cat(*parts):
    return np.concatenate(parts, axis=1)


def halves(x, axis):
    return np.split(x, 2, axis={"height": 2, "width": 3}[axis])


def joined(parts, axis):
    return np.concatenate(parts, axis={"height": 2, "width": 3}[axis])


# === MPRNet ===

FEATURES, UNET, ORSNET, CABS, REDUCTION = 8, 4, 2, 3, 4
WIDTHS = (FEATURES, FEATURES + UNET, FEATURES + 2 * UNET)


def mean_halved(x):
    batch, channels, height, width = x.shape
    blocks = x.reshape(batch, channels, height // 2, 2, width // 2, 2)
    return blocks.mean((3, 5))


def bilinear_doubled(x):
    for axis in (2, 3):
        x = np.moveaxis(x, axis, 0)
        before, after = np.r_[x[:1], x[:-1]], np.r_[x[1:], x[-1:]]
        pairs = np.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], axis=1)
        x = np.moveaxis(pairs.reshape(-1, *x.shape[1:]), 0, axis)
    return x


def mprnet(weights, image):
    slope = np.array([0.17], np.float32)

    def plain(name, x, out, size=1):
        return conv(x, weights(f"{name}.weight", out, x.shape[1], size, size))

    def cab(name, x):
        weights[f"{name}.body.1.weight"] = slope
        width = x.shape[1]
        y = plain(f"{name}.body.0", x, width, 3)
        y = plain(f"{name}.body.2", np.where(y > 0, y, slope * y), width, 3)
        mean = y.mean((2, 3), keepdims=True)
        squeezed = relu(plain(f"{name}.CA.conv_du.0", mean, width // REDUCTION))
        return x + y * sigmoid(plain(f"{name}.CA.conv_du.2", squeezed, width))

    def cabs(name, x, count):
        for i in range(count):
            x = cab(f"{name}.{i}", x)
        return x

    def shallow(stage, x):
        x = plain(f"shallow_feat{stage}.0", x, FEATURES, 3)
        return cab(f"shallow_feat{stage}.1", x)

    def encoder(name, x, earlier=None):
        levels = []
        for i in range(3):
            if i:
                x = mean_halved(x)
                x = plain(f"{name}.down{i}{i + 1}.down.1", x, WIDTHS[i])
            x = cabs(f"{name}.encoder_level{i + 1}", x, 2)
            if earlier:
                for side, features in zip(("enc", "dec"), earlier, strict=True):
                    fused = plain(f"{name}.csff_{side}{i + 1}", features[i], WIDTHS[i])
                    x = x + fused
            levels.append(x)
        return levels

    def decoder(name, levels):
        x = cabs(f"{name}.decoder_level3", levels[2], 2)
        decoded = [x]
        for i in (1, 0):
            x = plain(f"{name}.up{i + 2}{i + 1}.up.1", bilinear_doubled(x), WIDTHS[i])
            x = x + cab(f"{name}.skip_attn{i + 1}", levels[i])
            x = cabs(f"{name}.decoder_level{i + 1}", x, 2)
            decoded.insert(0, x)
        return decoded

    def sam(name, x, scaled):
        restored = plain(f"{name}.conv2", x, 3) + scaled
        gate = sigmoid(plain(f"{name}.conv3", restored, FEATURES))
        return x + plain(f"{name}.conv1", x, FEATURES) * gate, restored

    top_bottom = halves(image, "height")
    gated, encoded, decoded, images = [], [], [], []
    for half in top_bottom:
        sides = [
            encoder("stage1_encoder", shallow(1, quarter))
            for quarter in halves(half, "width")
        ]
        levels = [joined(pair, "width") for pair in zip(*sides, strict=True)]
        encoded.append(levels)
        decoded.append(decoder("stage1_decoder", levels))
        features, scaled = sam("sam12", decoded[-1][0], half)
        gated.append(features)
        images.append(scaled)
    stage1 = joined(images, "height")

    sides = []
    for half, features, enc, dec in zip(
        top_bottom, gated, encoded, decoded, strict=True
    ):
        x = plain("concat12", cat(shallow(2, half), features), FEATURES, 3)
        sides.append(encoder("stage2_encoder", x, (enc, dec)))
    encoded = [joined(pair, "height") for pair in zip(*sides, strict=True)]
    decoded = decoder("stage2_decoder", encoded)
    features, stage2 = sam("sam23", decoded[0], image)

    width = FEATURES + ORSNET
    x = plain("concat23", cat(shallow(3, image), features), width, 3)
    for i in range(3):
        block = f"stage3_orsnet.orb{i + 1}.body"
        x = x + plain(f"{block}.{CABS}", cabs(block, x, CABS), width, 3)
        for side, levels in (("enc", encoded), ("dec", decoded)):
            y = levels[i]
            if i == 1:
                y = bilinear_doubled(y)
                y = plain(f"stage3_orsnet.up_{side}1.up.1", y, WIDTHS[0])
            if i == 2:
                for step in (0, 1):
                    name = f"stage3_orsnet.up_{side}2.{step}.up.1"
                    y = plain(name, bilinear_doubled(y), WIDTHS[1 - step])
            x = x + plain(f"stage3_orsnet.conv_{side}{i + 1}", y, width)
    stage3 = plain("tail", x, 3, 3) + image
    return {"stage3": stage3, "stage2": stage2, "stage1": stage1}


# === DMPHN ===


def dmphn(weights, image):
    def convolved(name, x, out, stride=1):
        weight = weights(f"{name}.weight", out, x.shape[1], 3, 3)
        return conv(x, weight, weights(f"{name}.bias", out), stride)

    def raised(name, x, out):
        weight = weights(f"{name}.weight", x.shape[1], out, 4, 4)
        return transposed_conv(x, weight, weights(f"{name}.bias", out))

    def residual(name, x):
        width = x.shape[1]
        y = relu(convolved(f"{name}.0", x, width))
        return x + convolved(f"{name}.2", y, width)

    def encoder(level, x):
        name = f"encoder_lv{level}.layer"
        x = convolved(f"{name}1", x, 4)
        x = residual(f"{name}3", residual(f"{name}2", x))
        x = convolved(f"{name}5", x, 8, stride=2)
        x = residual(f"{name}7", residual(f"{name}6", x))
        x = convolved(f"{name}9", x, 16, stride=2)
        return residual(f"{name}11", residual(f"{name}10", x))

    def decoder(level, x):
        name = f"decoder_lv{level}.layer"
        x = residual(f"{name}14", residual(f"{name}13", x))
        x = raised(f"{name}16", x, 8)
        x = residual(f"{name}18", residual(f"{name}17", x))
        x = raised(f"{name}20", x, 4)
        x = residual(f"{name}22", residual(f"{name}21", x))
        return convolved(f"{name}24", x, 3)

    level1 = image - 0.5
    level2 = halves(level1, "height")
    level3 = [half for patch in level2 for half in halves(patch, "width")]
    level4 = [half for patch in level3 for half in halves(patch, "height")]

    def pairs(parts, axis):
        return [joined(pair, axis) for pair in zip(parts[::2], parts[1::2])]  # noqa: B905

    features4 = pairs([encoder(4, x) for x in level4], "height")
    corrected = [x + decoder(4, f) for x, f in zip(level3, features4, strict=True)]
    features3 = pairs([encoder(3, x) for x in corrected], "width")
    features4 = pairs(features4, "width")
    features3 = [a + b for a, b in zip(features3, features4, strict=True)]
    corrected = [x + decoder(3, f) for x, f in zip(level2, features3, strict=True)]
    (features2,) = pairs([encoder(2, x) for x in corrected], "height")
    features2 = features2 + pairs(features3, "height")[0]
    corrected = level1 + decoder(2, features2)
    features1 = encoder(1, corrected) + features2
    return {"stage4": decoder(1, features1) + 0.5}


# === MIMO-UNet ===


def mimo_unet(weights, image):
    def basic(name, x, out, size=3, stride=1, active=True):
        weight = weights(f"{name}.main.0.weight", out, x.shape[1], size, size)
        x = conv(x, weight, weights(f"{name}.main.0.bias", out), stride)
        return relu(x) if active else x

    def raised(name, x, out):
        weight = weights(f"{name}.main.0.weight", x.shape[1], out, 4, 4)
        return relu(transposed_conv(x, weight, weights(f"{name}.main.0.bias", out)))

    def blocks(name, x):
        for i in range(2):
            block, width = f"{name}.layers.{i}.main", x.shape[1]
            y = basic(f"{block}.0", x, width)
            x = x + basic(f"{block}.1", y, width, active=False)
        return x

    def scm(name, scaled, out):
        x = basic(f"{name}.main.0", scaled, out // 4)
        x = basic(f"{name}.main.1", x, out // 2, size=1)
        x = basic(f"{name}.main.2", x, out // 2)
        x = basic(f"{name}.main.3", x, out - 3, size=1)
        return basic(f"{name}.conv", cat(scaled, x), out, size=1, active=False)

    def fam(name, x, shallow):
        return x + basic(f"{name}.merge", x * shallow, x.shape[1], active=False)

    def aff(name, scales, out):
        x = basic(f"{name}.conv.0", cat(*scales), out, size=1)
        return basic(f"{name}.conv.1", x, out, active=False)

    def half(x):
        return x[:, :, ::2, ::2]

    def double(x):
        return x.repeat(2, axis=2).repeat(2, axis=3)

    image2, image4 = half(image), half(half(image))
    z2, z4 = scm("SCM2", image2, 8), scm("SCM1", image4, 16)
    fine = blocks("Encoder.0", basic("feat_extract.0", image, 4))
    middle = basic("feat_extract.1", fine, 8, stride=2)
    middle = blocks("Encoder.1", fam("FAM2", middle, z2))
    coarse = basic("feat_extract.2", middle, 16, stride=2)
    coarse = blocks("Encoder.2", fam("FAM1", coarse, z4))
    fused2 = aff("AFFs.1", (half(fine), middle, double(coarse)), 8)
    fused1 = aff("AFFs.0", (fine, double(middle), double(double(coarse))), 4)

    x = blocks("Decoder.0", coarse)
    stage1 = basic("ConvsOut.0", x, 3, active=False) + image4
    x = cat(raised("feat_extract.3", x, 8), fused2)
    x = blocks("Decoder.1", basic("Convs.0", x, 8, size=1))
    stage2 = basic("ConvsOut.1", x, 3, active=False) + image2
    x = cat(raised("feat_extract.4", x, 4), fused1)
    x = blocks("Decoder.2", basic("Convs.1", x, 4, size=1))
    stage3 = basic("feat_extract.5", x, 3, active=False) + image
    return {"stage3": stage3, "stage2": stage2, "stage1": stage1}


PASSES = {"mprnet": mprnet, "dmphn": dmphn, "mimo_unet": mimo_unet}
CONFIGS = {
    "mprnet": MPRNetConfig(
        num_features=FEATURES,
        unet_features=UNET,
        orsnet_features=ORSNET,
        num_cabs=CABS,
        num_level_cabs=2,
        reduction=REDUCTION,
    ),
    "dmphn": DMPHNConfig(num_features=4),
    "mimo_unet": MIMOUNetConfig(num_features=4, num_blocks=2),
}


@pytest.fixture(scope="module")
def image(images):
    return images(2, 32, 48, 3)


@pytest.fixture(scope="module", params=list(PASSES))
def checkpoint(request, image):
    """(backbone, state dict, what its pass makes of `image`)."""
    weights = Weights()
    outputs = PASSES[request.param](weights, image.transpose(0, 3, 1, 2))
    return request.param, dict(weights), outputs


def test_torch_checkpoint_reproduces_the_reference_outputs(checkpoint, image):
    backbone, state, expected = checkpoint
    variant, network = network_from_torch(backbone, state)
    assert variant == Variant(CONFIGS[backbone])
    outputs = network(image)
    assert set(outputs) == set(expected)
    for name, stage in expected.items():
        stage = stage.transpose(0, 2, 3, 1)
        scale = np.abs(stage).max()
        assert np.abs(stage - outputs[name]).max() < 1e-5 * scale
        step = image.shape[1] // stage.shape[1]
        assert np.abs(stage - image[:, ::step, ::step]).max() > 0.3


def test_missing_unused_and_misshaped_torch_weights_are_named(checkpoint):
    backbone, state, _ = checkpoint
    names = [name for name in state if state[name].ndim == 4]
    lost, bent = names[-1], names[-2]
    shape = (*state[bent].shape[:3], 7)
    faulty = {**state, "left.weight": np.zeros(3), bent: np.zeros(shape)}
    del faulty[lost]
    with pytest.raises(InputError) as error:
        network_from_torch(backbone, faulty)
    text = str(error.value)
    assert f"missing: {lost};" in text
    assert "left over: left.weight;" in text
    assert f"of another shape: {bent}" in text
    assert "\n" not in text


def test_torch_checkpoint_of_another_network_is_refused(checkpoint):
    backbone, state, _ = checkpoint
    for other in set(PASSES) - {backbone}:
        with pytest.raises(InputError, match=f"checkpoint of {other} .* Received: "):
            network_from_torch(other, state)


def test_torch_checkpoint_with_different_slopes_is_refused(image):
    weights = Weights()
    mprnet(weights, image[:1].transpose(0, 3, 1, 2))
    weights["shallow_feat1.1.body.1.weight"] = np.array([0.3], np.float32)
    with pytest.raises(InputError, match=r"one PReLU .* Received: 2, 0\.17 to 0\.3"):
        network_from_torch("mprnet", weights)


@pytest.mark.parametrize("slope", [1.01, np.nan])
def test_torch_checkpoint_with_a_slope_above_one_is_refused(slope):
    weights = {"shallow_feat1.1.body.1.weight": np.array([slope], np.float32)}
    with pytest.raises(InputError, match=r"slope of at most 1\. Received: "):
        network_from_torch("mprnet", weights)


def test_torch_weights_of_odd_shapes_are_refused_before_building(monkeypatch):
    monkeypatch.setattr("egnet_tf.models.torch_weights.build", None)
    name = "encoder_lv1.layer1.weight"
    for shape, word in (
        ((), "of a convolution"),
        ((4,), "of a convolution"),
        ((4, 0, 3, 3), "of a convolution"),
        ((512, 1, 1, 1), "at least"),
        ((9999, 1, 1, 1), "num_features"),
    ):
        with pytest.raises(InputError, match=f"{word}.* Received: "):
            network_from_torch("dmphn", {name: np.zeros(shape, np.float32)})
