import dataclasses

import keras
import numpy as np
import pytest

from egnet_tf import models
from egnet_tf.errors import InputError
from egnet_tf.training import Recipe, RunFolder
from egnet_tf.training.phases import Phase
from egnet_tf.training.resumption import check
from helpers import random_image

TESTING = models.variant("egnet_testing")
# Two features more than the variant of that name has.
WIDER = models.Variant(
    dataclasses.replace(TESTING.backbone, num_features=6), ensemble_features=4
)
IMAGE = random_image((1, 16, 16, 3), dtype=np.float32)


def save(run, variant):
    keras.utils.set_random_seed(0)
    network = models.build(variant)
    for weight in network.weights:
        weight.assign_add(np.random.default_rng(1).normal(0, 0.05, weight.shape))
    models.save(run / "weights", models.LoadedModel(variant, network, None, (), 32))
    return network


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "imported"
    return run, save(run, WIDER)


def recipe(init_weights, **options):
    return Recipe(variant="egnet_testing", init_weights=str(init_weights), **options)


def begin(name, chosen):
    initial = Phase.initial(chosen.init_weights)
    return Phase.begin(name, chosen.network_variant(), initial)


def test_network_with_egn_starts_from_a_trained_backbone(run):
    folder, backbone = run
    phase = begin("egn", recipe(folder, egn_steps=1))
    assert phase.variant == dataclasses.replace(WIDER, egn=TESTING.egn)
    # EGN starts as the identity, so the backbone's quality is kept.
    expected, outputs = backbone(IMAGE), phase.network(IMAGE)
    for name, stage in expected.items():
        np.testing.assert_allclose(outputs[name], stage, atol=1e-6)
    egn = sum(
        layer.count_params()
        for layer in phase.network.layers
        if layer.name.startswith("egn_")
    )
    assert sum(np.prod(v.shape) for v in phase.trained) == egn > 0


def test_backbone_starts_from_its_initial_weights(run):
    folder, backbone = run
    phase = begin("backbone", recipe(folder, backbone_steps=1))
    np.testing.assert_array_equal(
        phase.network(IMAGE)["stage3"], backbone(IMAGE)["stage3"]
    )


@pytest.mark.slow
def test_egn_weights_initialise_only_the_same_egn(tmp_path):
    network = save(tmp_path / "run", TESTING)
    same = begin("egn", recipe(tmp_path / "run", egn_steps=1))
    np.testing.assert_array_equal(
        same.network(IMAGE)["stage3"], network(IMAGE)["stage3"]
    )
    for name, chosen in (
        ("egn", recipe(tmp_path / "run", egn_attention=False)),
        ("backbone", recipe(tmp_path / "run")),
    ):
        with pytest.raises(InputError, match=f"without EGN, or .* {name} phase"):
            begin(name, chosen)


def test_initial_weights_of_other_backbones_and_non_runs_are_refused(run, tmp_path):
    mimo = Recipe(variant="mimo_unet_egn", init_weights=str(run[0]), egn_steps=1)
    with pytest.raises(InputError, match=r"of mimo_unet, .* Received: mprnet in"):
        mimo.phase_steps()
    with pytest.raises(InputError, match=r"Expected a file or folder .* Received: "):
        recipe(tmp_path / "none", egn_steps=1).phase_steps()


def test_imported_run_is_not_overwritten_by_training(run):
    folder, _ = run
    with pytest.raises(InputError, match=f"--init_weights={folder} "):
        check(RunFolder(folder), recipe("", backbone_steps=1))
    assert not (folder / "recipe.flags").exists()
