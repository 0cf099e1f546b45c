"""Devices and kills, with the smallest network, each in a process of its own."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from egnet_tf.training.run_folder import RunFolder
from helpers import python, weights

pytestmark = [pytest.mark.slow, pytest.mark.process]

SMALL_RUNS = Path(__file__).with_name("small_runs.py")


def small_runs(what, folder):
    done = python(SMALL_RUNS, what, folder)
    assert done.returncode == 0, done.stderr


def test_two_devices_train_the_same_weights_as_one(tmp_path):
    """All phases, the same global batch; two devices take it in two parts each."""
    small_runs("devices", tmp_path)
    with np.load(tmp_path / "steps.npz") as steps:
        np.testing.assert_allclose(steps["two"], steps["one"], atol=1e-6)
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert one.keys() == two.keys()
    for key, array in one.items():
        np.testing.assert_allclose(two[key], array, atol=1e-5, err_msg=key)


def test_run_killed_ten_times_ends_bit_identical_to_an_uninterrupted_one(tmp_path):
    small_runs("kills", tmp_path)
    alone, killed = weights(tmp_path / "alone"), weights(tmp_path / "killed")
    assert alone.keys() == killed.keys()
    for key, array in alone.items():
        np.testing.assert_array_equal(killed[key], array, err_msg=key)
    best = [weights(tmp_path / name / "best") for name in ("alone", "killed")]
    for key, array in best[0].items():
        np.testing.assert_array_equal(best[1][key], array, err_msg=key)
    tables = [
        (tmp_path / name / "metrics.csv").read_text().splitlines()
        for name in ("alone", "killed")
    ]
    # All columns but the seconds.
    rows = [[line.rpartition(",")[0] for line in table] for table in tables]
    assert rows[0] == rows[1] and len(rows[0]) == 7


@pytest.mark.skipif(os.name == "nt", reason="names that Windows does not have")
def test_runs_end_bit_identical_whatever_happens_to_their_folders(tmp_path):
    small_runs("folders", tmp_path)
    whole = weights(tmp_path / "whole")
    others = [path for path in tmp_path.iterdir() if path.name != "whole"]
    assert len(others) == 6
    for path in others:
        found = weights(path)
        assert found.keys() == whole.keys()
        for key, array in whole.items():
            np.testing.assert_array_equal(found[key], array, err_msg=f"{path} {key}")
        assert RunFolder(path).steps_done() == {"egn": 4} | (
            {} if path.name == "earlier_phase" else {"backbone": 6}
        )
        assert not list(path.rglob(".unfinished-*"))
    logs = tmp_path / "a[1]*\\, ü" / "logs" / "egn"
    assert len([path for path in logs.iterdir() if path.stat().st_size]) == 2
    assert RunFolder(tmp_path / "best").best_validation()[:2] == ("egn", 4)


@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_addons") is None,
    reason="the extra `addons` is not installed",
)
def test_runs_with_addons_optimizers_resume_bit_for_bit(tmp_path):
    small_runs("addons", tmp_path)
    for name in ("lookahead", "swa"):
        whole, again = weights(tmp_path / name), weights(tmp_path / f"{name}_again")
        assert whole.keys() == again.keys()
        for key, array in whole.items():
            np.testing.assert_array_equal(again[key], array, err_msg=f"{name} {key}")
