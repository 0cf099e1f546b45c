import keras
import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.losses import stage_losses
from egnet_tf.training.averages import WeightAverages
from egnet_tf.training.input import device_batch_size
from egnet_tf.training.loop import train_step
from egnet_tf.training.phases import tensorflow_variables
from egnet_tf.training.recipe import Recipe
from egnet_tf.training.state import TrainState

RATE = 0.1


def batch(count=4, bad=None):
    rng = np.random.default_rng(0)
    images = rng.random((2, count, 16, 16, 3), np.float32)
    if bad is not None:
        images[0, bad, 3, 3] = np.nan
    return {"blurry": tf.constant(images[0]), "sharp": tf.constant(images[1])}


def values_of(variables):
    return np.concatenate([np.ravel(v.numpy()) for v in variables])


def step_with(phase, strategy, ema_decay=0.0, **options):
    """A step of plain gradient descent: its update is the gradient times the rate."""
    recipe = Recipe(**{"batch": 4, "loss": "mprnet"} | options)
    optimizer = keras.optimizers.SGD(RATE)
    optimizer.build(phase.trained)
    averages = WeightAverages(tensorflow_variables(phase.trained), ema_decay, strategy)
    state = TrainState(phase, optimizer, None, averages, tf.Variable(0))

    @tf.function(autograph=False)
    def compiled(data, stop):
        return train_step(state, recipe, strategy, data, stop)

    def step(data, stop=False):
        values = compiled(data, tf.constant(float(stop)))
        return {name: float(value) for name, value in values.items()}

    return step, averages


def gradient_of(phase, data, recipe):
    """The gradient of the mean loss, by the shortest way."""
    with tf.GradientTape() as tape:
        restored = phase.restore(data["blurry"])
        loss = stage_losses(restored, data["sharp"], recipe.training_loss())["loss"]
        loss = tf.reduce_mean(loss)
    return values_of(tape.gradient(loss, phase.trained)), float(loss)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"accumulate": 4},
        {"accumulate": 2, "jit_compile": True},
        {"loss": "egnet", "accumulate": 2},
    ],
    ids=str,
)
def test_update_equals_that_of_the_whole_batch(make_phase, one_device, options):
    phase, data = make_phase(), batch()
    recipe = Recipe(**{"loss": "mprnet"} | options)
    gradient, loss = gradient_of(phase, data, recipe)
    before = values_of(phase.trained)
    step, _ = step_with(phase, one_device, **options)
    values = step(data)
    change = values_of(phase.trained) - before
    np.testing.assert_allclose(change, -RATE * gradient, atol=1e-6)
    assert values["loss"] == pytest.approx(loss, rel=1e-5)
    assert values["gradient_norm"] == pytest.approx(np.linalg.norm(gradient), rel=1e-4)
    assert (values["finite"], values["stop"]) == (1, 0)


def test_clip_norm_bounds_the_norm_of_the_whole_gradient(make_phase, one_device):
    phase, data = make_phase(), batch()
    gradient, _ = gradient_of(phase, data, Recipe(loss="mprnet"))
    limit = np.linalg.norm(gradient) / 3
    before = values_of(phase.trained)
    step, _ = step_with(phase, one_device, clip_norm=float(limit), accumulate=2)
    values = step(data, stop=True)
    change = values_of(phase.trained) - before
    np.testing.assert_allclose(change, -RATE * gradient / 3, atol=1e-6)
    assert values["gradient_norm"] == pytest.approx(3 * limit, rel=1e-4)
    assert values["stop"] > 0


def test_non_finite_update_is_skipped_on_request(make_phase, one_device):
    phase = make_phase()
    step, averages = step_with(phase, one_device, ema_decay=0.9, skip_non_finite=True)
    before = values_of(phase.trained)
    assert step(batch(bad=2))["finite"] == 0
    np.testing.assert_array_equal(values_of(phase.trained), before)
    np.testing.assert_array_equal(values_of(averages.values), before)
    assert step(batch())["finite"] == 1
    assert (values_of(phase.trained) != before).any()

    step, _ = step_with(phase, one_device)
    assert step(batch(bad=2))["finite"] == 0
    assert np.isnan(values_of(phase.trained)).any()


def test_indivisible_batch_is_refused(one_device):
    assert device_batch_size(4, 2, one_device) == 4
    with pytest.raises(InputError, match=r"multiple of 3, .* Received: 4"):
        device_batch_size(4, 3, one_device)


def test_weight_averages_follow_the_weights(make_phase, one_device):
    phase = make_phase()
    step, averages = step_with(phase, one_device, ema_decay=0.25)
    expected = values_of(phase.trained)
    for updates in range(1, 5):
        step(batch())
        kept = min(0.25, (1 + updates) / (10 + updates))
        expected = kept * expected + (1 - kept) * values_of(phase.trained)
    np.testing.assert_allclose(values_of(averages.values), expected, atol=1e-6)

    trained = values_of(phase.trained)
    with averages.in_use():
        np.testing.assert_allclose(values_of(phase.trained), expected, atol=1e-6)
    np.testing.assert_array_equal(values_of(phase.trained), trained)
    averages.adopt()
    np.testing.assert_allclose(values_of(phase.trained), expected, atol=1e-6)


def test_weight_averages_without_decay_leave_the_weights_alone(make_phase, one_device):
    phase = make_phase()
    step, averages = step_with(phase, one_device)
    step(batch())
    trained = values_of(phase.trained)
    with averages.in_use():
        np.testing.assert_array_equal(values_of(phase.trained), trained)
    averages.adopt()
    np.testing.assert_array_equal(values_of(phase.trained), trained)
    assert averages.values == []
