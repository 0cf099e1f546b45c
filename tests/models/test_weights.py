import json

import numpy as np
import pytest

from egnet_tf.errors import InputError
from egnet_tf.models import (
    LoadedModel,
    build,
    build_ensemble,
    load,
    save,
    shipped,
    variant,
    weights,
)

TESTING = variant("egnet_testing")


@pytest.fixture(scope="module")
def trained(randomise):
    network, ensemble = build(TESTING), build_ensemble(TESTING, 2)
    return LoadedModel(
        TESTING, randomise(network), randomise(ensemble), ("half", "whole"), crop=48
    )


@pytest.fixture
def folder(trained, tmp_path):
    save(tmp_path / "weights", trained)
    return tmp_path / "weights"


@pytest.fixture(scope="module")
def image(images):
    return images(1, 16, 24, 3)


def assert_same(model, other, image):
    for name, stage in other.network(image).items():
        np.testing.assert_allclose(model.network(image)[name], stage, atol=1e-5)


def test_comes_back_as_it_was(folder, trained, image):
    model = load(folder)
    assert (model.variant, model.crop, model.size_multiple) == (TESTING, 48, 8)
    assert model.branches == ("half", "whole")
    assert_same(model, trained, image)
    branches = [image, 1 - image]
    np.testing.assert_array_equal(model.ensemble(branches), trained.ensemble(branches))
    # Nothing but the three files, none of them half written.
    assert sorted(path.name for path in folder.iterdir()) == [
        "ensemble.weights.h5",
        "model.json",
        "network.weights.h5",
    ]


def test_comes_back_in_another_layout(folder, trained, image):
    model = load(folder, stack_patches=False, image_size=(16, 24), batch_size=1)
    assert model.network.input.shape == (1, 16, 24, 3)
    assert_same(model, trained, image)


def test_a_network_without_ensemble_replaces_one_with(folder, trained, image):
    save(folder, trained._replace(ensemble=None, branches=()))
    model = load(folder)
    assert (model.ensemble, model.branches) == (None, ())
    assert_same(model, trained, image)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edit(**changes):
    def apply(path):
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return apply


DAMAGES = {
    "missing network": ("network.weights.h5", lambda path: path.unlink()),
    "missing ensemble": ("ensemble.weights.h5", lambda path: path.unlink()),
    "missing description": ("model.json", lambda path: path.unlink()),
    "truncated network": ("network.weights.h5", truncate),
    "truncated ensemble": ("ensemble.weights.h5", truncate),
    "empty network": ("network.weights.h5", lambda path: path.write_bytes(b"")),
    "truncated description": ("model.json", truncate),
    "description in no text": ("model.json", lambda path: path.write_bytes(b"\xff")),
    "a list": ("model.json", lambda path: path.write_text("[1]")),
    "an unknown backbone": (
        "model.json",
        edit(variant={**TESTING.to_json(), "backbone": "vgg"}),
    ),
    "an option of a later version": (
        "model.json",
        edit(variant={**TESTING.to_json(), "options": {"num_heads": 4}}),
    ),
    "a wider network": (
        "model.json",
        edit(variant={**TESTING.to_json(), "options": {"num_features": 8}}),
    ),
    "a number of branches": ("model.json", edit(branches=2)),
    "too many branches": ("model.json", edit(branches=["half", "whole", "four"])),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_is_refused_in_one_line(damage, folder):
    name, apply = DAMAGES[damage]
    apply(folder / name)
    with pytest.raises(InputError, match=r"^Expected .* Received: \S+$") as error:
        load(folder)
    assert str(folder) in str(error.value)


def test_saving_that_fails_leaves_the_old_folder(folder, trained, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other = build(TESTING)

    def fail(path):
        open(path, "w").close()
        raise OSError("No space left on device")

    ensemble = build_ensemble(TESTING, 2)
    monkeypatch.setattr(ensemble, "save_weights", fail)
    with pytest.raises(OSError, match="No space left"):
        save(folder, trained._replace(network=other, ensemble=ensemble))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_shipped_weights_are_found_by_variant(folder, monkeypatch):
    monkeypatch.setattr(weights, "_SHIPPED", folder.parent)
    assert shipped("weights") == folder
    with pytest.raises(InputError, match=r"\(weights\)\. Received: egnet$"):
        shipped("egnet")
