import numpy as np
import pytest
import tensorflow as tf

from egnet_tf import models
from egnet_tf.errors import InputError
from egnet_tf.inference import load
from egnet_tf.inference.branches import branch_images
from egnet_tf.layers.pooling import local_pooling


@pytest.fixture(scope="module")
def run(testing_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "testing"
    models.save(folder / "weights", testing_model)
    return folder


@pytest.fixture
def image():
    return np.random.default_rng(1).random((32, 48, 3), np.float32)


def test_a_run_restores_with_its_ensemble(run, testing_model, image):
    def network(batch):
        return testing_model.network(batch)["stage3"]

    branches = branch_images(network, tf.constant(image[None]))
    expected = np.clip(testing_model.ensemble(branches)[0], 0, 1)
    np.testing.assert_allclose(load(run)(image), expected, atol=1e-5)
    whole = np.clip(branches[1][0], 0, 1)
    np.testing.assert_allclose(load(run, branches=["whole"])(image), whole, atol=1e-5)
    # Other branches than the trained ones are averaged.
    mean = np.clip((branches[1] + branches[0])[0] / 2, 0, 1)
    two = load(run, branches=["half", "whole"])
    np.testing.assert_allclose(two(image), mean, atol=1e-5)
    assert np.abs(expected - whole).max() > 1e-3


def test_local_pooling_windows_are_one_and_a_half_crops(run, testing_model, image):
    with local_pooling(24, image[None]):
        expected = testing_model.network(image[None])["stage3"]
    restored = load(run, branches=["whole"], local_pooling=True)(image)
    np.testing.assert_allclose(restored, np.clip(expected[0], 0, 1), atol=1e-5)


def test_without_an_ensemble_the_image_is_restored_as_it_is(testing_model, tmp_path):
    models.save(tmp_path / "weights", testing_model._replace(ensemble=None))
    assert load(tmp_path).runner.size_multiple == testing_model.size_multiple
    assert load(tmp_path, branches=["half"]).runner.size_multiple == 16


def test_options_reach_the_restorer(run):
    restorer = load(run, branches=["whole"], tile=64, overlap=8)
    plan = restorer.plan(100, 100)
    assert (plan.tile, plan.overlap, plan.tiles) == ((64, 64), 8, 4)


def test_a_damaged_run_is_refused(tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "model.json").write_text("{")
    with pytest.raises(InputError, match=r"Received: .*weights"):
        load(tmp_path)
