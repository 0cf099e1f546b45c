import errno
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from egnet_tf.errors import InputError
from egnet_tf.models import (
    LoadedModel,
    MPRNetConfig,
    Variant,
    build,
    build_ensemble,
    load,
    read_variant,
    save,
    variant,
)
from egnet_tf.models.weights import largest_file, try_weights
from mutations import mutated, mutated_json

TESTING = variant("egnet_testing")


@pytest.fixture(scope="module")
def trained(randomise):
    network, ensemble = build(TESTING), build_ensemble(TESTING, 2)
    return LoadedModel(
        TESTING, randomise(network), randomise(ensemble), ("half", "whole"), crop=48
    )


@pytest.fixture(scope="module")
def saved(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "weights"
    save(folder, trained)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "weights")


@pytest.fixture(scope="module")
def image(images):
    return images(1, 16, 24, 3)


def assert_same(model, other, image):
    for name, stage in other.network(image).items():
        np.testing.assert_allclose(model.network(image)[name], stage, atol=1e-5)


def test_saved_model_round_trips(folder, trained, image):
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


def test_saved_model_loads_in_another_layout(folder, trained, image):
    model = load(folder, stack_patches=False, image_size=(16, 24), batch_size=1)
    assert model.network.input.shape == (1, 16, 24, 3)
    assert_same(model, trained, image)


def test_saving_without_ensemble_replaces_a_folder_with_one(folder, trained, image):
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


def edit_backbone(**changes):
    values = TESTING.to_json()
    return edit(variant={**values, "backbone": {**values["backbone"], **changes}})


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
    "a wider network": ("model.json", edit_backbone(num_features=6)),
    "too many branches": ("model.json", edit(branches=["half", "whole", "four"])),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_weights_folder_is_refused_in_one_line(damage, folder):
    name, apply = DAMAGES[damage]
    apply(folder / name)
    with pytest.raises(InputError, match=r"^Expected .* Received: .*$") as error:
        load(folder)
    assert str(folder) in str(error.value)


EGN = TESTING.to_json()["egn"]
DESCRIPTIONS = {
    "no variant": (edit(variant=None), "object for Variant. Received: None"),
    "a list": (edit(variant=[1]), r"object for Variant. Received: \[1\]"),
    "a name": (edit(variant="mprnet"), "for Variant. Received: 'mprnet'"),
    "a backbone's name": (edit(variant={"backbone": "dmphn"}), "Received: 'dmphn'"),
    "no backbone": (edit(variant={"egn": None}), "Variant.backbone. Received: none"),
    "another backbone": (edit_backbone(name="vgg"), "mprnet, .* Received: .*'vgg'"),
    "a list of backbones": (
        edit_backbone(name=["mprnet"]),
        r"Received: .*\['mprnet'\]",
    ),
    "a key of a later version": (edit_backbone(num_heads=4), "Received: 'num_heads'"),
    "a key beside": (edit(optimizer="adam"), "crop, .*Received: 'optimizer'"),
    "text": (edit_backbone(num_features="4"), r"num_features .* Received: '4'"),
    "a fraction": (edit_backbone(num_features=4.0), "type int .* Received: 4.0"),
    "true": (edit_backbone(num_cabs=True), "num_cabs .* Received: True"),
    "zero": (edit_backbone(reduction=0), "from 1 to 1024. Received: 0"),
    "an activation": (
        edit_backbone(activation="gelu"),
        "prelu, relu. Received: 'gelu'",
    ),
    "no filters": (
        edit(variant={**TESTING.to_json(), "egn": {"num_modules": 1}}),
        "EGNConfig.filters. Received: none",
    ),
    "not a number": (
        edit(
            variant={**TESTING.to_json(), "egn": {**EGN, "implicit_stddev": math.nan}}
        ),
        "implicit_stddev .* Received: nan",
    ),
    "an input": (
        edit(variant={**TESTING.to_json(), "egn": {**EGN, "input": "sobel"}}),
        "as one of gradient, .* Received: 'sobel'",
    ),
    "ensemble": (
        edit(variant={**TESTING.to_json(), "ensemble_features": 1e9}),
        "ensemble_features .* Received: 1000000000.0",
    ),
    "a huge network": (
        edit_backbone(num_features=1024, num_cabs=32),
        r"at least [\d,]+ weights .* Received: .* bytes",
    ),
    "a deep network": (edit_backbone(num_cabs=10**9), "num_cabs .* to 32. Received: 1"),
    "a crop of text": (edit(crop="48"), "crop of type int .* Received: '48'"),
    "no crop": (edit(crop=0), "crop of type int from 1 .* Received: 0"),
    "a number of branches": (edit(branches=2), "branches .* Received: 2"),
    "numbers as branches": (edit(branches=[1, 2]), r"branches .* Received: \[1, 2\]"),
    "long": (edit(branches="x" * 10**6), r"branches .* Received: 'x{1,59}, in "),
}


@pytest.mark.parametrize("what", DESCRIPTIONS)
def test_description_is_checked_before_the_network_is_built(what, folder, monkeypatch):
    apply, message = DESCRIPTIONS[what]
    apply(folder / "model.json")
    monkeypatch.setattr("egnet_tf.models.networks.build", None)
    with pytest.raises(InputError, match=message) as error:
        load(folder)
    assert str(error.value).count("\n") == 0 and str(folder) in str(error.value)


def test_description_keys_with_a_default_may_be_absent(folder):
    edit(variant={"backbone": {"name": "mprnet", "num_features": 4}})(
        folder / "model.json"
    )
    assert read_variant(folder) == Variant(MPRNetConfig(num_features=4))


def test_failed_save_leaves_the_old_folder(folder, trained, monkeypatch):
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


def outcome(folder):
    """ "works", or what was said of a folder of weights."""
    try:
        load(folder)
    except InputError as error:
        text = str(error)
        assert text.startswith("Expected ") and "Received: " in text
        assert "\n" not in text and len(text) < 1000
        return text
    return "works"


def test_variants_of_a_description_are_refused_or_could_be_built(folder, monkeypatch):
    path = folder / "model.json"
    values, text = json.loads(path.read_text()), path.read_bytes()
    most = (folder / "network.weights.h5").stat().st_size / 4
    built = []

    def stand_in(variant, **_):
        # Nothing is built for which the file has too few weights.
        assert variant.fewest_parameters <= most
        built.append(variant)
        raise InputError("Expected nothing. Received: a variant that can be built")

    monkeypatch.setattr("egnet_tf.models.networks.build", stand_in)
    for seed in range(400):
        path.write_text(json.dumps(mutated_json(values, seed)))
        assert outcome(folder) != "works"
        path.write_bytes(mutated(text, seed))
        assert outcome(folder) != "works"
    assert 0 < len(built) < 400


@pytest.mark.slow
@pytest.mark.process
def test_variants_of_a_weights_file_are_refused_or_work(folder):
    path = folder / "network.weights.h5"
    content = path.read_bytes()
    refused = 0
    for seed in range(12):
        path.write_bytes(mutated(content, seed, within=2000))
        refused += outcome(folder) != "works"
    assert refused > 3


def links(file):
    import h5py

    name = next(iter(file))
    yield "another place", lambda: file.__setitem__("x", h5py.SoftLink("/nowhere"))
    yield "another place", lambda: file.__setitem__("x", h5py.ExternalLink("y.h5", "/"))
    yield "two places", lambda: file.__setitem__("x", file[name])
    yield "two places", lambda: file[name].__setitem__("x", file)
    shape = (2**20, 2**20)
    yield "bytes", lambda: file.create_dataset("x", shape, "f4", chunks=(1, 2**20))
    yield "other type|another type", lambda: file.create_dataset("x", data=b"text")
    yield "NaN or infinity", lambda: file.create_dataset("x", data=[1.0, math.nan])
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("y.h5", "x", (4,))
    yield "another file", lambda: file.create_virtual_dataset("x", layout)
    yield (
        "another file",
        lambda: file.create_dataset("x", (4,), "f4", external=[("/etc/passwd", 0, 16)]),
    )


@pytest.mark.parametrize("number", range(9))
def test_what_weights_do_not_need_is_refused(number, folder):
    import h5py

    path = folder / "network.weights.h5"
    with h5py.File(path, "a") as file:
        message, add = list(links(file))[number]
        add()
    with pytest.raises(InputError, match=message):
        try_weights(str(path))


def test_weights_that_are_not_finite_are_refused(folder, trained):
    kept = [v.numpy() for v in trained.network.trainable_variables]
    variable = trained.network.trainable_variables[-1]
    variable.assign(variable * math.nan)
    try:
        save(folder, trained)
    finally:
        variable.assign(kept[-1])
    with pytest.raises(InputError, match=r"finite .* NaN or infinity"):
        load(folder)


def test_space_that_is_reserved_holds_what_keras_writes(trained, tmp_path):
    for network in (trained.network, trained.ensemble):
        path = tmp_path / "x.weights.h5"
        network.save_weights(path)
        assert path.stat().st_size <= largest_file(network)


def test_full_disk_is_met_before_hdf5_writes(trained, folder, monkeypatch):
    """It would end the process: the error comes from taking the space."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def no_room(path, size):
        Path(path).write_bytes(b"")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("egnet_tf.models.weights.reserve", no_room)
    monkeypatch.setattr(trained.network.__class__, "save_weights", None)
    with pytest.raises(OSError, match=r"No space left .*weights\.h5'$"):
        save(folder, trained)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
