"""Each measurement on the smallest networks: what it compares, and that it does."""

import csv

import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.benchmarks import model, recompute
from egnet_tf.benchmarks.__main__ import MEASUREMENTS
from egnet_tf.benchmarks.__main__ import command as measurement
from egnet_tf.benchmarks.networks import Size, build_for, parse_size
from egnet_tf.benchmarks.timing import Timing
from egnet_tf.cli import app
from egnet_tf.errors import InputError
from egnet_tf.loss_weights import LOSSES
from egnet_tf.losses import stage_losses
from egnet_tf.models import build, build_ensemble, multiply_adds
from egnet_tf.paper.published import TABLE_2
from helpers import command

TINY = "egnet_testing"
SIZE = Size(16, 24)


def randomised(network):
    """New networks are the identity, which hides most mistakes."""
    rng = np.random.default_rng(1)
    for weight in network.weights:
        weight.assign(rng.normal(0, 0.15, weight.shape))
    return network


@pytest.fixture
def in_this_process(monkeypatch):
    """Functions run here and now, and their "peak" is 7 MB for each argument."""

    def peak_memory(function, *args):
        function(*args)
        return 7e6 * len(args)

    monkeypatch.setattr(model, "peak_memory", peak_memory)


@pytest.mark.slow
def test_model_measurement_has_a_row_per_precision(in_this_process):
    options = model.Options(variants=(TINY,), sizes=("16x32",), repetitions=1)
    rows = model.measure(options)
    measured = [row for row in rows if row.precision != "published"]
    assert [row.precision for row in measured] == ["float32", "mixed_bfloat16"]
    network = build(TINY)
    for row in measured:
        assert row.size == "16x32"
        assert row.parameters == network.count_params()
        assert row.with_ensemble - row.parameters == build_ensemble(TINY).count_params()
        assert row.giga_multiply_adds * 1e9 == multiply_adds(network, 16, 32)
        assert row.seconds > 0
        assert row.ensemble_seconds > 0
        assert row.peak_megabytes == 28
    assert measured[0].time_ratio == 1
    assert [row.variant for row in rows[2:]] == list(TABLE_2)


def test_variants_are_timed_in_turns_of_one_run(monkeypatch, in_this_process):
    asked = []

    def time_in_turns(functions, repetitions):
        asked.append((list(functions), repetitions))
        return {key: Timing(float(i), i / 2) for i, key in enumerate(functions, 2)}

    monkeypatch.setattr(model, "time_in_turns", time_in_turns)
    monkeypatch.setattr(model, "forward", lambda *_: lambda: None)
    options = model.Options(
        variants=("mprnet", TINY), sizes=("32", "24"), precision=("float32",)
    )
    rows = model.measure(options)
    keys = [("float32", "mprnet", ""), ("float32", TINY, "")]
    # 24 pixels cannot be halved and still be a multiple of 8.
    assert asked == [([*keys, ("float32", TINY, "ensemble")], 5), (keys, 5)]
    shown = [
        (row.variant, row.size, row.time_ratio, row.ensemble_seconds) for row in rows
    ]
    assert shown[:4] == [
        ("mprnet", "32x32", 1.0, None),
        (TINY, "32x32", 1.5, 4.0),
        ("mprnet", "24x24", 1.0, None),
        (TINY, "24x24", 1.5, None),
    ]
    (ours,) = (row for row in rows if row.variant == "EGNet")
    assert (ours.seconds, ours.published_size) == (0.231, 26.60)
    assert ours.time_ratio == pytest.approx(1.0645, abs=1e-4)


def test_the_self_ensemble_restores_the_pixels_two_and_a_quarter_times():
    shapes = []

    def network(image, training):
        shapes.append(tuple(image.shape))
        return {"stage3": image}

    image = tf.random.stateless_uniform((1, 16, 32, 3), (0, 0))
    restored = model._self_ensemble(network, TINY)(image, training=False)
    assert shapes == [(1, 8, 16, 3), (1, 16, 32, 3), (4, 8, 16, 3)]
    # A new ensemble is the mean of its branches; two of the three are the image.
    half = tf.image.resize(tf.nn.avg_pool2d(image, 2, 2, "VALID"), (16, 32))
    np.testing.assert_allclose(restored, (half + 2 * image) / 3, atol=1e-6)


@pytest.mark.slow
def test_recompute_measurement_compares_steps_with_and_without(monkeypatch):
    asked = []

    def peak_memory(function, *args):
        asked.append(args)
        return 3e6 if args[-1] else 12e6

    def time_in_turns(functions, repetitions):
        assert (list(functions), repetitions) == (["no", "yes"], 3)
        return {"no": Timing(4.0, 1.0), "yes": Timing(6.0, 1.5)}

    monkeypatch.setattr(recompute, "peak_memory", peak_memory)
    monkeypatch.setattr(recompute, "time_in_turns", time_in_turns)
    without, with_it = recompute.measure(
        recompute.Options(variants=(TINY,), sizes=("16x24",), repetitions=3)
    )
    assert asked == [(TINY, (16, 24), "float32", flag) for flag in (False, True)]
    assert without == (TINY, "16x24", "no", 12.0, 1.0, 4.0, 1.0)
    assert with_it == (TINY, "16x24", "yes", 3.0, 0.25, 6.0, 1.5)


@pytest.mark.slow
def test_measured_training_step_trains_all_weights_on_the_papers_loss():
    network = randomised(build_for(TINY, SIZE))
    before = network.get_weights()
    blurry, sharp = tf.random.stateless_uniform((2, 1, *SIZE, 3), seed=(0, 0))
    terms = stage_losses(network(blurry), sharp, LOSSES["egnet"])
    loss = recompute.training_step(network, *SIZE)()
    np.testing.assert_allclose(loss, terms["loss"][0], rtol=1e-4)
    moved = [
        not np.array_equal(a, b)
        for a, b in zip(before, network.get_weights(), strict=True)
    ]
    # All but a few squeezed channels that a ReLU closes.
    assert np.mean(moved) > 0.8


def test_measurement_sizes_are_parsed_and_checked():
    assert parse_size("256") == (256, 256)
    assert str(parse_size("720x1280")) == "720x1280"
    for wrong in ("", "x", "0", "12x", "1x2x3", "-8", "256.5"):
        with pytest.raises(InputError, match="Received: "):
            parse_size(wrong)
    with pytest.raises(InputError, match=r"multiples of 8 .*Received: 16x20"):
        build_for(TINY, Size(16, 20))


@pytest.mark.slow
@pytest.mark.process
def test_attention_measurement_prints_and_writes_its_table(tmp_path):
    output = tmp_path / "rows.csv"
    done = command(
        "egnet_tf.benchmarks", "attention",
        "--positions=4096", "--channels=4", "--block=128",
        "--repetitions=1", f"--output={output}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    title, *lines = done.stdout.splitlines()
    assert title.split()[:3] == ["form", "positions", "channels"]
    assert [line.split("  ")[0] for line in lines] == ["plain", "blocks of 128"]
    with output.open(newline="") as file:
        plain, blocks = csv.DictReader(file)
    # At least one matrix of 4096 x 4096 float32, against a thirty-second of it.
    assert float(plain["peak_megabytes"]) > 67
    assert float(blocks["peak_ratio"]) < 0.5
    assert float(plain["value_difference"]) == float(plain["gradient_difference"]) == 0
    assert float(blocks["value_difference"]) < 1e-5
    assert float(blocks["gradient_difference"]) < 1e-5


@pytest.mark.parametrize(
    "name, words, message",
    [
        ("model", ["--precision=float16"], "Expected one of float32, mixed"),
        ("model", ["--sizes=12x"], "Expected a size such as 256"),
        ("seams", [], "Expected --photo=FILE"),
    ],
)
def test_wrong_calls_are_refused_in_one_line(name, words, message, capsys):
    assert app.call(*measurement(name), words) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}") and error.count("\n") == 1


@pytest.mark.process
def test_all_measurements_are_listed():
    done = command("egnet_tf.benchmarks")
    assert done.returncode == 0
    assert all(f"\n{name} " in done.stdout for name in MEASUREMENTS)
    wrong = command("egnet_tf.benchmarks", "layout")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("error: Expected one of model, pytorch")
