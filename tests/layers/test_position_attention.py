import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from egnet_tf.layers import PositionAttention, blockwise_attention, plain_attention


def attention(x, w, convolve, *, scaled=False, key_pool=1):
    """Eq. 5-9 without the residual, one image after the other."""
    y = convolve(np.maximum(convolve(x, w["conv1"]), 0), w["conv2"])
    y = convolve(y, w["conv3"])
    pooled = mean_of_squares(y, key_pool)
    outputs = []
    for queries, keys in zip(y, pooled, strict=True):
        q = queries.reshape(-1, queries.shape[-1]) @ w["query"][0, 0]  # Eq. 5
        k = keys.reshape(-1, keys.shape[-1]) @ w["key"][0, 0]  # Eq. 6
        v = keys.reshape(-1, keys.shape[-1]) @ w["value"][0, 0]  # Eq. 7
        products = q @ k.T / (np.sqrt(q.shape[-1]) if scaled else 1)
        z = softmax(products, axis=-1)  # Eq. 8
        out = (z @ v) @ w["project"][0, 0]  # Eq. 9
        outputs.append(out.reshape(*queries.shape[:2], -1))
    return np.stack(outputs)


def mean_of_squares(y, side):
    """Means of side x side positions; of fewer where an image ends."""
    rows = range(0, y.shape[1], side)
    columns = range(0, y.shape[2], side)
    means = [
        [y[:, i : i + side, j : j + side].mean(axis=(1, 2)) for j in columns]
        for i in rows
    ]
    return np.moveaxis(np.array(means), 2, 0)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"residual": True, "scaled": True},
        {"key_pool": 2},
        {"block": 8},
        {"block": None},
    ],
    ids=str,
)
def test_position_attention_is_equations_5_to_9(
    options, convolve, weights_of, features
):
    layer = PositionAttention(6, key_filters=3, value_filters=5, **options)
    x = features(2, 4, 6, 6)
    layer(x)
    w = weights_of(layer)
    expected = attention(
        x,
        w,
        convolve,
        scaled=options.get("scaled", False),
        key_pool=options.get("key_pool", 1),
    )
    if options.get("residual"):
        expected = expected + x
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-4)


def test_position_attention_takes_any_size_in_one_trace(weights_of, features):
    layer = PositionAttention(4, key_filters=2, value_filters=4, block=7)
    layer(features(1, 2, 2, 4))
    weights_of(layer)
    traces = []

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 4))])
    def run(x):
        traces.append(x)
        return layer(x)

    for shape in [(2, 3, 5, 4), (1, 6, 4, 4)]:
        x = features(*shape)
        np.testing.assert_allclose(run(x), layer(x), atol=1e-5)
    assert len(traces) == 1


def queries_keys_values(length=37, keys=23):
    rng = np.random.default_rng(3)
    draw = lambda *shape: tf.constant(rng.normal(size=shape), tf.float32)  # noqa: E731
    return draw(2, length, 3), draw(2, keys, 3), draw(2, keys, 5), draw(2, length, 5)


def values_and_gradients(attend, q, k, v, upstream):
    with tf.GradientTape() as tape:
        tape.watch([q, k, v])
        out = attend(q, k, v)
    return [out, *tape.gradient(out, [q, k, v], upstream)]


# 37 queries: blocks that do not divide them, that do, of one, and larger than all.
@pytest.mark.parametrize("block", [8, 37, 1, 100])
def test_blocked_attention_has_the_values_and_gradients_of_the_plain_form(block):
    inputs = queries_keys_values()
    plain = values_and_gradients(plain_attention, *inputs)
    blocks = values_and_gradients(
        lambda q, k, v: blockwise_attention(q, k, v, block), *inputs
    )
    for a, b in zip(blocks, plain, strict=True):
        assert np.abs(b).max() > 0.1
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_blocked_attention_holds_the_rows_of_one_block(monkeypatch):
    rows, softmax_of = [], tf.nn.softmax

    def recorded(products, **kwargs):
        rows.append(products.shape[1])
        return softmax_of(products, **kwargs)

    monkeypatch.setattr(tf.nn, "softmax", recorded)
    values_and_gradients(
        lambda q, k, v: blockwise_attention(q, k, v, 8), *queries_keys_values(37)
    )
    # 37 queries forward, and again for the gradient.
    assert rows == 2 * [8, 8, 8, 8, 8]


def test_blocked_attention_is_compiled_by_xla():
    inputs = queries_keys_values()
    compiled = tf.function(
        lambda *inputs: values_and_gradients(
            lambda q, k, v: blockwise_attention(q, k, v, 8), *inputs
        ),
        jit_compile=True,
    )
    plain = values_and_gradients(plain_attention, *inputs)
    for a, b in zip(compiled(*inputs), plain, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_blocked_attention_takes_a_number_of_queries_unknown_to_the_graph():
    unknown = [tf.TensorSpec((None, None, n)) for n in (3, 3, 5, 5)]

    @tf.function(input_signature=unknown)
    def run(q, k, v, upstream):
        return values_and_gradients(
            lambda q, k, v: blockwise_attention(q, k, v, 8), q, k, v, upstream
        )

    for length in (37, 16):
        inputs = queries_keys_values(length)
        plain = values_and_gradients(plain_attention, *inputs)
        for a, b in zip(run(*inputs), plain, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_plain_attention_weighs_the_values_of_each_query():
    q, k, v, _ = (x.numpy().astype(np.float64) for x in queries_keys_values())
    z = softmax(np.einsum("bnd,bmd->bnm", q, k), axis=-1)
    expected = np.einsum("bnm,bme->bne", z, v)
    actual = plain_attention(*(tf.constant(x, tf.float32) for x in (q, k, v)))
    np.testing.assert_allclose(actual, expected, atol=1e-6)
