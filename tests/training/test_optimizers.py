import math

import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.training.optimizers import (
    adopt_final_weights,
    cosine_schedule,
    make_optimizer,
)


def run(variables, gradients, optimizer="adam", **options):
    """Trains variables on one gradient each, a few steps; gives their last values."""
    steps = 4
    schedule = cosine_schedule(steps, learning_rate=0.1, final_learning_rate=0.1)
    optimizer = make_optimizer(optimizer, schedule, variables, steps=steps, **options)
    for _ in range(steps):
        optimizer.apply_gradients(
            [(tf.constant(g), v) for g, v in zip(gradients, variables, strict=True)]
        )
    adopt_final_weights(optimizer, variables)
    return [variable.numpy() for variable in variables]


def kernel_and_bias():
    return [tf.Variable([[2.0, -3.0]]), tf.Variable([1.0])]


def test_learning_rate_warms_up_and_falls_by_half_a_cosine():
    schedule = cosine_schedule(110, 1e-3, 1e-5, warmup_steps=10)
    for step, part in ((0, 0), (60, 0.5), (110, 1)):
        expected = 1e-5 + (1e-3 - 1e-5) * (1 + math.cos(math.pi * part)) / 2
        if step == 0:
            expected = 0
        assert float(schedule(step)) == pytest.approx(expected, rel=1e-4)
    assert float(schedule(5)) == pytest.approx(5e-4, rel=1e-4)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_constant_gradients_move_by_the_learning_rate(name):
    # Under constant gradients a step of Adam is the rate times the sign.
    kernel, bias = run(kernel_and_bias(), [[[0.5, -0.5]], [0.5]], optimizer=name)
    np.testing.assert_allclose(kernel, [[2 - 0.4, -3 + 0.4]], atol=1e-4)
    np.testing.assert_allclose(bias, [1 - 0.4], atol=1e-4)


@pytest.mark.parametrize("beta_2", [0.9, 0.999])
def test_moments_decay_as_in_the_equations_of_adam(beta_2):
    weight = tf.Variable([1.0])
    schedule = cosine_schedule(3, learning_rate=0.1, final_learning_rate=0.1)
    optimizer = make_optimizer("adamw", schedule, [weight], steps=3, beta_2=beta_2)
    expected, first, second = 1.0, 0.0, 0.0
    for step, gradient in enumerate((4.0, -1.0, 0.5), start=1):
        optimizer.apply_gradients([(tf.constant([gradient]), weight)])
        # Kingma and Ba 2015, Algorithm 1.
        first = 0.9 * first + 0.1 * gradient
        second = beta_2 * second + (1 - beta_2) * gradient**2
        root = math.sqrt(second / (1 - beta_2**step))
        expected -= 0.1 * first / (1 - 0.9**step) / (root + 1e-8)
    assert float(weight[0]) == pytest.approx(expected, rel=1e-5)


def test_weight_decay_applies_to_kernels_only():
    zeros = [[[0.0, 0.0]], [0.0]]
    kernel, bias = run(kernel_and_bias(), zeros, optimizer="adamw", weight_decay=0.2)
    np.testing.assert_allclose(kernel, np.array([[2, -3]]) * 0.98**4, rtol=1e-5)
    np.testing.assert_array_equal(bias, [1])
    with pytest.raises(InputError, match="Received: --optimizer=adam --weight_decay"):
        run(kernel_and_bias(), zeros, weight_decay=0.2)


@pytest.mark.parametrize("name", ["radam", "lookahead", "lamb", "swa"])
def test_addons_optimizers_are_built_or_their_extra_is_named(name):
    gradients = [[[0.5, -0.5]], [0.5]]
    try:
        import tensorflow_addons  # noqa: F401
    except ImportError:
        with pytest.raises(InputError, match="Expected the extra addons"):
            run(kernel_and_bias(), gradients, optimizer=name)
        return
    kernel, bias = run(kernel_and_bias(), gradients, optimizer=name)
    # Whatever its length, a step goes down the gradient.
    assert kernel[0, 0] < 2 and kernel[0, 1] > -3 and bias[0] < 1
