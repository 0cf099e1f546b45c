"""The paper's position attention (PA) module, Eq. 5-9, in bounded memory."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


def plain_attention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    """Softmax(q k^T) v with the whole matrix of weights in memory.

    Queries (B, N, D), keys (B, M, D), values (B, M, E) -> (B, N, E).
    """
    weights = tf.nn.softmax(tf.matmul(q, k, transpose_b=True), axis=-1)
    return tf.matmul(weights, v)


def blockwise_attention(
    q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, block: int
) -> tf.Tensor:
    """`plain_attention`, `block` queries at a time, forward and backward.

    This is exact: the softmax runs over the keys, so a block holds whole rows.
    Memory is O(block x M) in place of O(N x M); the gradient computes the weights
    again. With P = softmax(S), S = q k^T, and G the gradient of the output:
    dV = P^T G; dS = P * (G V^T - sum(P * G V^T)); dq = dS k; dk = dS^T q.
    """
    # Blocks of equal size, because XLA compiles only loops of static shapes. Rows that
    # pad the last block are dropped; their gradients are zero and add nothing.
    length = _length(q)
    # Not -(-a // b): ONNX divides integers towards zero.
    steps = (length + block - 1) // block
    rows = (length + steps - 1) // steps

    @tf.custom_gradient
    def attend(q, k, v) -> Any:
        queries = _blocks(q, steps, rows)

        def forward(index, outputs):
            out = plain_attention(queries[index], k, v)
            return index + 1, outputs.write(index, out)

        _, outputs = _loop(steps, forward, _block_array(q.dtype, steps))
        out = _joined(outputs, v, length)

        def gradient(upstream):
            upstream = _blocks(upstream, steps, rows)

            def backward(index, dq, dk, dv):
                one, g = queries[index], upstream[index]
                p = tf.nn.softmax(tf.matmul(one, k, transpose_b=True), axis=-1)
                dp = tf.matmul(g, v, transpose_b=True)
                ds = p * (dp - tf.reduce_sum(p * dp, axis=-1, keepdims=True))
                dq = dq.write(index, tf.matmul(ds, k))
                dk += tf.matmul(ds, one, transpose_a=True)
                dv += tf.matmul(p, g, transpose_a=True)
                return index + 1, dq, dk, dv

            _, dq, dk, dv = _loop(
                steps,
                backward,
                _block_array(q.dtype, steps),
                tf.zeros_like(k),
                tf.zeros_like(v),
            )
            return _joined(dq, q, length), dk, dv

        return out, gradient

    return attend(q, k, v)


def _loop(steps, body, *state):
    return tf.while_loop(
        lambda index, *_: index < steps, body, (0, *state), parallel_iterations=1
    )


def _length(x: tf.Tensor) -> int | tf.Tensor:
    """N of (B, N, C), as a number if it is static."""
    length = x.shape[1]
    return tf.shape(x)[1] if length is None else length


def _blocks(x: tf.Tensor, steps, rows) -> tf.Tensor:
    """(B, N, C) -> (steps, B, rows, C), padded with zeros."""
    x = tf.pad(x, [[0, 0], [0, steps * rows - _length(x)], [0, 0]])
    x = tf.reshape(x, [-1, steps, rows, x.shape[-1]])
    return tf.transpose(x, [1, 0, 2, 3])


def _block_array(dtype: tf.DType, steps) -> tf.TensorArray:
    return tf.TensorArray(dtype, size=steps, infer_shape=False)


def _joined(blocks: tf.TensorArray, like: tf.Tensor, length) -> tf.Tensor:
    """Undoes `_blocks`: (B, length, C), with batch and channels of another tensor."""
    x = tf.transpose(blocks.stack(), [1, 0, 2, 3])
    x = tf.reshape(x, [tf.shape(like)[0], -1, like.shape[-1]])[:, :length]
    static = length if isinstance(length, int) else None
    return tf.ensure_shape(x, [like.shape[0], static, like.shape[-1]])


@keras.saving.register_keras_serializable(package="egnet_tf")
class PositionAttention(keras.layers.Layer):
    """L4(softmax(q k) v) over all positions of an image, Eq. 5-9.

    The input passes C2(ReLU(C1(x))) and a third convolution C3; q, k and v are
    linear layers of it. As printed there is no residual (Eq. 9) and no scaling of
    the products (Eq. 8); both are options.

    Args:
        filters: channels in and out.
        key_filters: C_1 of the paper, channels of q and k.
        value_filters: C_2 of the paper, channels of v.
        residual: add the module's input to its output.
        scaled: divide the products by sqrt(key_filters).
        key_pool: keys and values are averaged over key_pool x key_pool positions; 1 is
            the paper. Devices need few keys: an int8 softmax has steps of 1/256.
        block: queries at a time, see `blockwise_attention`; None for all at once,
            without a loop.

    Call: (B, H, W, filters) -> (B, H, W, filters).
    """

    def __init__(
        self,
        filters: int,
        key_filters: int,
        value_filters: int,
        residual: bool = False,
        scaled: bool = False,
        key_pool: int = 1,
        block: int | None = 1024,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.key_filters = key_filters
        self.value_filters = value_filters
        self.residual = residual
        self.scaled = scaled
        self.key_pool = key_pool
        self.block = block
        conv = keras.layers.Conv2D
        options = {"use_bias": False, "dtype": self.dtype_policy}
        self.conv1 = conv(filters, 3, padding="same", name="conv1", **options)
        self.conv2 = conv(filters, 3, padding="same", name="conv2", **options)
        self.conv3 = conv(filters, 3, padding="same", name="conv3", **options)
        # A linear layer on every position is a 1x1 convolution.
        self.query = conv(key_filters, 1, name="query", **options)
        self.key = conv(key_filters, 1, name="key", **options)
        self.value = conv(value_filters, 1, name="value", **options)
        self.project = conv(filters, 1, name="project", **options)
        self.pool = keras.layers.AveragePooling2D(
            key_pool, padding="same", name="pool", dtype=self.dtype_policy
        )

    def build(self, input_shape: Any) -> None:
        features = (None, None, None, self.filters)
        convolutions = (self.conv1, self.conv2, self.conv3)
        for layer in (*convolutions, self.query, self.key, self.value):
            layer.build(features)
        self.project.build((None, None, None, self.value_filters))
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        y = self.conv3(self.conv2(tf.nn.relu(self.conv1(x))))
        pooled = self.pool(y) if self.key_pool > 1 else y
        queries = self.query(y)
        if self.scaled:
            queries *= self.key_filters**-0.5
        q, k, v = (_flat(t) for t in (queries, self.key(pooled), self.value(pooled)))
        block, length = self.block, q.shape[1]
        if block is None or (length is not None and length <= block):
            out = plain_attention(q, k, v)
        else:
            out = blockwise_attention(q, k, v, block)
        shape = tf.concat([tf.shape(x)[:3], [self.value_filters]], axis=0)
        if None not in x.shape[1:3]:
            shape = (-1, *x.shape[1:3], self.value_filters)
        out = self.project(tf.reshape(out, shape))
        return x + out if self.residual else out

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape)


def _flat(x: tf.Tensor) -> tf.Tensor:
    """(B, H, W, C) -> (B, H W, C)."""
    _, height, width, channels = x.shape
    if height is None or width is None:
        return tf.reshape(x, [tf.shape(x)[0], -1, channels])
    return tf.reshape(x, [-1, height * width, channels])
