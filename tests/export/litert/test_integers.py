"""Models of 8-bit integers alone against the float32 models that they come from."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from egnet_tf.errors import InputError
from egnet_tf.layers import GradientMap, whitening_convolution
from export.graphs.frozen import frozen
from export.litert.convert import TileConverter
from export.litert.inspect import parse
from export.litert.rounding import patch_moments, round_for
from helpers import random_image

SIDE = 32
LEVEL = 1 / 255


def converter(restore):
    """Converts `image + restore(image)`, clipped."""
    image = keras.Input((SIDE, SIDE, 3), batch_size=1)
    restored = Clip()(keras.layers.Add()([image, restore(image)]))
    model = keras.Model(image, restored)
    return TileConverter(frozen(model, tf.TensorSpec(image.shape)))


class Clip(keras.layers.Layer):
    def call(self, x):
        return tf.clip_by_value(x, 0.0, 1.0)


def convolution(model, shape):
    """The scales and the values of the weights of this shape."""
    (graph,) = model.subgraphs
    (tensor,) = (
        t for t in graph.tensors if t.shape is not None and tuple(t.shape) == shape
    )
    integers = tensor.type == schema.TensorType.INT8
    data = bytes(model.buffers[tensor.buffer].data)
    values = np.frombuffer(data, np.int8 if integers else np.float32)
    return tensor.quantization and tensor.quantization.scale, values.reshape(shape)


@pytest.fixture(scope="module")
def crops():
    """Smooth crops: noise would have no detail to tell from brightness."""
    coarse = random_image((8, 6, 6, 3), seed=3).astype(np.float32)
    fine = tf.image.resize(coarse, (SIDE, SIDE), method="bicubic")
    return list(np.clip(fine, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def whitened():
    """A whitening stem, attention to channels, and a way back to the image."""
    keras.utils.set_random_seed(4)
    layers = keras.layers

    def restore(image):
        x = whitening_convolution(16, 4, name="stage1_shallow_conv")(image)
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(16, 1, activation="sigmoid")(gate)
        x = layers.Conv2D(8, 3, padding="same")(layers.Multiply()([x, gate]))
        x = layers.Maximum()([x, layers.Conv2D(8, 1)(x)])
        halves = [layers.ReLU()(x), layers.Conv2D(8, 1, activation="relu")(x)]
        x = layers.UpSampling2D(4, interpolation="bilinear")(
            layers.Concatenate()(halves)
        )
        return layers.Conv2D(3, 1, kernel_initializer="random_normal")(x)

    return converter(restore)


@pytest.fixture(scope="module")
def of_gradient_map():
    return converter(GradientMap("max"))


def run(content, crop):
    """What a file makes of uint8 (SIDE, SIDE, 3), in [0, 1]."""
    restore = Interpreter(model_content=content).get_signature_runner()
    if restore.get_input_details()["image"]["dtype"] == np.uint8:
        return restore(image=crop[None])["restored"][0] / 255
    return restore(image=crop[None] / np.float32(255))["restored"][0]


def test_integers_restore_as_floats_do(whitened, crops):
    exact, content = whitened.convert("float32"), whitened.convert("int8_full", crops)
    for crop in crops[:3]:
        expected = run(exact, crop)
        assert np.abs(expected - crop / 255).max() > 0.1
        change, error = expected - crop / 255, run(content, crop) - expected
        print("SNR", 10 * np.log10(np.mean(change**2) / np.mean(error**2)))
        assert np.mean(change**2) > 200 * np.mean(error**2)


def test_every_tensor_is_an_integer_of_at_most_four_dimensions(whitened, crops):
    (graph,) = parse(whitened.convert("int8_full", crops)).subgraphs
    types = schema.TensorType
    for tensor in graph.tensors:
        assert tensor.type in (types.INT8, types.INT32, types.UINT8), tensor.name
        assert tensor.shape is None or len(tensor.shape) <= 4


def test_scales_are_those_of_the_specification(whitened, crops):
    exact, model = (
        parse(whitened.convert(mode, crops)) for mode in ("float32", "int8_full")
    )
    weights = {
        t.name: np.frombuffer(bytes(exact.buffers[t.buffer].data), np.float32)
        for t in exact.subgraphs[0].tensors
        if t.type == schema.TensorType.FLOAT32
        and exact.buffers[t.buffer].data is not None
    }
    compared = 0
    for tensor in model.subgraphs[0].tensors:
        if tensor.type == schema.TensorType.UINT8:
            np.testing.assert_allclose(tensor.quantization.scale, [LEVEL], rtol=1e-6)
            assert tensor.quantization.zeroPoint.tolist() == [0]
        if tensor.name in weights and tensor.type == schema.TensorType.INT8:
            filters = weights[tensor.name].reshape(tensor.shape[0], -1)
            steps = np.abs(filters).max(axis=1) / 127
            np.testing.assert_allclose(tensor.quantization.scale, steps, rtol=1e-6)
            compared += 1
    assert compared == 6


def test_stem_answers_brightness_as_before(whitened, crops):
    """Each filter's sum; rounded to the nearest, some are off by two steps."""
    exact, model = (
        parse(whitened.convert(mode, crops)) for mode in ("float32", "int8_full")
    )
    steps, integers = convolution(model, (16, 4, 4, 3))
    _, weights = convolution(exact, (16, 4, 4, 3))
    off = integers.sum(axis=(1, 2, 3)) - weights.sum(axis=(1, 2, 3)) / steps
    nearest = np.rint(weights / steps[:, None, None, None]).sum(axis=(1, 2, 3))
    assert (
        np.abs(off).max() < 1 < np.abs(nearest - weights.sum((1, 2, 3)) / steps).max()
    )


def test_flat_images_do_not_divide_by_zero(of_gradient_map, crops):
    """The map of a flat image is 0, and so is that of what rounding makes flat."""
    content = of_gradient_map.convert("int8_full", crops)
    for level in (0, 7, 128, 255):
        flat = np.full((SIDE, SIDE, 3), level, np.uint8)
        np.testing.assert_allclose(run(content, flat), flat / 255, atol=LEVEL)


def test_operator_without_a_rule_is_refused(crops):
    unknown = converter(keras.layers.Activation("exponential"))
    with pytest.raises(InputError, match=r"Received: EXP$"):
        unknown.convert("int8_full", crops)


def test_shared_weights_are_rounded_once(crops):
    """Two convolutions of one kernel, whose inputs and so biases differ in scale."""
    layer = keras.layers.Conv2D(3, 1, bias_initializer="random_normal")
    part = keras.layers.Conv2D(3, 1, activation="relu")
    shared = converter(lambda image: layer(image) - layer(part(image)))
    content = shared.convert("int8_full", crops)
    model = parse(content)
    convolutions = [
        o.inputs for o in model.subgraphs[0].operators if len(o.inputs) == 3
    ]
    assert [len(set(tensors)) for tensors in zip(*convolutions, strict=True)] == [
        2,
        2,
        3,
    ]
    expected = run(shared.convert("float32"), crops[0])
    np.testing.assert_allclose(run(content, crops[0]), expected, atol=0.1)


def test_patch_moments_are_those_of_all_patches():
    images = random_image((3, 12, 16, 3), seed=5)
    patches = np.array(
        [
            image[y : y + 4, x : x + 4].ravel() / 255
            for image in images
            for y in range(0, 12, 4)
            for x in range(0, 16, 4)
        ]
    )
    mean, covariance = patch_moments(images, (4, 4), (4, 4))
    np.testing.assert_allclose(mean, patches.mean(axis=0), rtol=1e-6)
    expected = np.cov(patches, rowvar=False, bias=True)
    np.testing.assert_allclose(covariance, expected, atol=1e-8)


def test_rounding_is_close_to_the_best_of_all_roundings():
    """Every choice of up or down for eight weights, by exhaustion."""
    rng = np.random.default_rng(6)
    inputs = 0.05 * rng.normal(size=(500, 8)) + rng.normal(size=(500, 1))
    covariance = np.cov(inputs, rowvar=False, bias=True)
    weights, steps = rng.normal(size=(5, 8)), np.full(5, 0.1)

    def error(integers):
        wrong = weights - 0.1 * integers
        return np.einsum("fi,ij,fj->f", wrong, covariance, wrong)

    choices = np.array(np.meshgrid(*[[0, 1]] * 8)).reshape(8, -1).T
    best = np.min([error(np.floor(weights / 0.1) + c) for c in choices], axis=0)
    nearest = error(np.rint(weights / 0.1))
    rounded = error(round_for(weights, steps, covariance))
    assert (rounded < 1.1 * best).all() and rounded.sum() < nearest.sum() / 10
