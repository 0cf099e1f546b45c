"""The command that measures Table 5, on two networks."""

import csv
import dataclasses
import re
import statistics

import numpy as np
import pytest

from egnet_tf import models
from egnet_tf.data import open_pairs
from egnet_tf.metrics.hsic import normalised_hsic, patches_at
from helpers import call

TABLE5 = "egnet_tf.paper.table5"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs' folders with random weights: without and with EGN."""
    with_egn = models.variant("egnet_testing")
    folders = []
    for variant in (dataclasses.replace(with_egn, egn=None), with_egn):
        network, rng = models.build(variant), np.random.default_rng(0)
        for weight in network.weights:
            weight.assign(rng.normal(0, 0.2, weight.shape))
        folders.append(tmp_path_factory.mktemp("run"))
        loaded = models.LoadedModel(variant, network, None, (), crop=32)
        models.save(folders[-1] / "weights", loaded)
    return folders


def test_table_5_rows_equal_values_computed_by_hand(runs, tmp_path):
    output = tmp_path / "table5.csv"
    done = call(
        TABLE5,
        f"--model={runs[0]},{runs[1]}", "--images=2", "--crop=32", "--samples=60",
        "--patch=3", "--seed=4", f"--output={output}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    pairs = open_pairs("samples", split="test", seed=4)
    assert [row["image"] for row in rows] == 2 * list(pairs.names[:2])

    network = models.load(runs[1] / "weights").network
    rng = np.random.default_rng([4, 1])
    pair = pairs.crop(1, 32, rng)
    positions = np.stack(np.divmod(rng.choice(32 * 32, 60, replace=False), 32), -1)
    features = models.last_features(network)(pair.blurry[None] / np.float32(255))
    samples = features.numpy()[0, positions[:, 0], positions[:, 1]]
    for kind, image in pair._asdict().items():
        expected = normalised_hsic(samples, patches_at(image, positions, 3))
        assert float(rows[3][kind]) == pytest.approx(expected, rel=1e-3)

    title, *lines = done.stdout.splitlines()
    assert title.split() == ["model", "images", "blurry", "sharp"]
    for line, of_model, path in zip(lines, (rows[:2], rows[2:]), runs, strict=True):
        ratios = [float(row["sharp"]) / float(row["blurry"]) for row in of_model]
        assert [float(row["ratio"]) for row in of_model] == pytest.approx(ratios)
        model, *numbers = line.split()
        assert model == str(path)
        expected = [2, 1, statistics.fmean(ratios)]
        assert [float(number) for number in numbers] == pytest.approx(
            expected, rel=1e-3
        )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--crop=20"], "multiple of 8 .* Received: 20"),
        (["--crop=24"], "at most 576, .* Received: 1000"),
        (["--patch=4"], "odd --patch. Received: .* and 4"),
    ],
)
def test_wrong_calls_are_refused_in_one_line(runs, arguments, message):
    done = call(TABLE5, f"--model={runs[0]}", *arguments)
    assert done.returncode == 1
    assert re.search(f"error: Expected .*{message}", done.stderr)
