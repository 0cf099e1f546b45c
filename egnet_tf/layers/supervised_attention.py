"""MPRNet's supervised attention module (SAM) between two stages."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="egnet_tf")
class SupervisedAttention(keras.layers.Layer):
    """Restores an image from features and gates the features by it.

    restored = image + C2(x); out = x + C1(x) * sigmoid(C3(restored)), all three
    convolutions without bias (Zamir et al., CVPR 2021, Figure 4). With a stride, the
    features are at 1/stride of the image's resolution: C2 is then a transposed and C3
    a strided convolution, both with kernels of stride x stride.

    C2 starts at zero, so that a new network returns the blurry image.

    Args:
        filters: channels of the features.
        stride: pixels of the image per position of the features, along each side.
        unfold: see `image_convolution`.

    Call: [features (B, H, W, filters), image (B, stride H, stride W, 3)] ->
    (features of the same shape, restored float32 (B, stride H, stride W, 3)).
    """

    def __init__(
        self, filters: int, stride: int = 1, unfold: bool = False, **kwargs: Any
    ) -> None:
        # The image stays float32, whatever the features are computed in.
        super().__init__(autocast=False, **kwargs)
        self.filters = filters
        self.stride = stride
        self.unfold = unfold
        options = {"use_bias": False, "dtype": self.dtype_policy}
        self.conv1 = keras.layers.Conv2D(filters, 1, name="conv1", **options)
        self.to_image = image_convolution(1, stride, unfold, name="conv2", **options)
        self.from_image = keras.layers.Conv2D(
            filters, stride, strides=stride, name="conv3", **options
        )

    def build(self, input_shape: Any) -> None:
        self.conv1.build((None, None, None, self.filters))
        self.to_image.build((None, None, None, self.filters))
        self.from_image.build((None, None, None, 3))
        self.built = True

    def call(self, inputs: Any) -> Any:
        features, image = inputs
        features = tf.cast(features, self.compute_dtype)
        residual = tf.cast(self.to_image(features), tf.float32)
        restored = tf.cast(image, tf.float32) + residual
        gate = tf.nn.sigmoid(self.from_image(restored))
        return features + self.conv1(features) * gate, restored

    def compute_output_shape(self, input_shape: Any) -> tuple:
        features, image = input_shape
        return tuple(features), tuple(image)

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> tuple:
        # Keras 3 would give every output the layer's own dtype.
        features, image = inputs
        return (
            keras.KerasTensor(features.shape, self.compute_dtype),
            keras.KerasTensor(image.shape, "float32"),
        )


@keras.saving.register_keras_serializable(package="egnet_tf")
class UnfoldedConv2DTranspose(keras.layers.Conv2DTranspose):
    """A transposed convolution whose kernel is one stride wide, without bias.

    Each position has an output patch of its own, so that a 1x1 convolution and a
    rearrangement give the same numbers. LiteRT's 8-bit kernel for the transposed form
    took 41 of the 118 ms of a tile.
    """

    def call(self, inputs: Any) -> Any:
        # (stride, stride, out, in) -> (1, 1, in, stride * stride * out)
        kernel = tf.transpose(tf.convert_to_tensor(self.kernel), [3, 0, 1, 2])
        kernel = tf.reshape(kernel, [1, 1, kernel.shape[0], -1])
        patches = tf.nn.conv2d(inputs, kernel, 1, "VALID")
        return tf.nn.depth_to_space(patches, self.strides[0])


def image_convolution(
    kernel_size: int,
    stride: int,
    unfold: bool = False,
    *,
    use_bias: bool = False,
    **kwargs: Any,
) -> keras.layers.Layer:
    """The convolution that ends in the residual of an image; zero at the start.

    Args:
        kernel_size: at stride 1; a transposed convolution has stride x stride.
        stride: pixels of the image per position of the features, along each side.
        unfold: compute a transposed convolution as `UnfoldedConv2DTranspose`.
        use_bias: whether it has a bias; not if unfolded.
        **kwargs: for the Keras layer.
    """
    kwargs = {"use_bias": use_bias, "kernel_initializer": "zeros", **kwargs}
    if stride == 1:
        return keras.layers.Conv2D(3, kernel_size, padding="same", **kwargs)
    transposed = UnfoldedConv2DTranspose if unfold else keras.layers.Conv2DTranspose
    return transposed(3, stride, strides=stride, **kwargs)
