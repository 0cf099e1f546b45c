import dataclasses
import json

import numpy as np
import pytest

from egnet_tf.data.datasets.folder import FolderOptions
from egnet_tf.data.datasets.gopro import GoProOptions
from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.errors import InputError
from egnet_tf.options import flatten, to_text, unflatten
from egnet_tf.training import recipe as recipes
from egnet_tf.training.recipe import Recipe
from egnet_tf.training.resumption import Inputs, begin, check
from egnet_tf.training.run_folder import RunFolder

RECIPE = Recipe(
    backbone_steps=4,
    egn_steps=6,
    dataset="camera_shake",
    data_dir="/data/photos",
    checkpoint_every=2,
)


class Files(Pairs):
    """Pairs of files of these names, which hold one byte each."""

    def __init__(self, folder, names):
        self.names = tuple(names)
        self._files = [folder / name for name in names]
        folder.mkdir(exist_ok=True)
        for file in self._files:
            file.write_bytes(b"x")

    def source_files(self):
        return self._files

    def read(self, index):
        return Pair(*np.zeros((2, 4, 4, 3), np.uint8))


@pytest.fixture
def inputs(tmp_path):
    """inputs(names, folder): of a dataset of these names in a folder of its own."""

    def make(names="abc", folder="here", recipe=RECIPE):
        files = Files(tmp_path / folder, names)
        return Inputs.of(recipe, files, Files(tmp_path / "held_out", "x"))

    return make


@pytest.fixture
def run(tmp_path, inputs):
    run = RunFolder(tmp_path / "run")
    assert begin(run, RECIPE, inputs()) == []
    (run.path / "metrics.csv").touch()
    return run


def reached(run, phase, step):
    run.checkpoints(phase).mkdir(parents=True, exist_ok=True)
    (run.checkpoints(phase) / f"ckpt-{step}.index").touch()


def changed(**options):
    return dataclasses.replace(RECIPE, **options)


def logged(run):
    if not run.changes.exists():
        return []
    return [one["changes"] for one in json.loads(run.changes.read_text())["resumed"]]


def test_run_that_has_only_its_recipe_begins_anew(run, inputs):
    (run.path / "metrics.csv").unlink()
    other = changed(crop=48, seed=5)
    assert begin(run, other, inputs("ab")) == []
    assert recipes.read(run.recipe) == other
    assert Inputs.read(run) == inputs("ab")
    assert not run.changes.exists()
    # Once something is saved, it is that recipe's.
    reached(run, "backbone", 1)
    with pytest.raises(InputError, match="--crop: 48 -> "):
        begin(run, RECIPE, inputs("ab"))


def test_same_command_resumes_without_a_record(run, inputs):
    before = {path: path.read_bytes() for path in run.path.iterdir()}
    assert begin(run, RECIPE, inputs()) == []
    assert {path: path.read_bytes() for path in run.path.iterdir()} == before
    assert recipes.read(run.recipe) == RECIPE


@pytest.mark.parametrize(
    "options",
    [
        {"data_dir": "photos"},
        {"dataset": "camera_shake:elsewhere", "data_dir": ""},
        {"validation": "camera_shake:there"},
        {"data": {"folder": FolderOptions(blurry="/b/*", sharp="/s/*")}},
        {"checkpoint_every": 500},
        {"validate_every": 3, "hsic": False},
    ],
    ids=str,
)
def test_moved_data_and_other_writing_are_taken_and_recorded(run, inputs, options):
    recipe = changed(**options)
    assert check(run, recipe) and check(run, recipe, inputs(folder="moved"))
    assert recipes.read(run.recipe) == RECIPE
    said = begin(run, recipe, inputs(folder="moved"))
    assert logged(run) == [said] and said
    assert recipes.read(run.recipe) == recipe
    # The new command is now that of the run.
    assert begin(run, recipe, inputs(folder="moved")) == []
    assert len(logged(run)) == 1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("abcd", "training pairs: 3 -> 4"),
        ("ab", "training pairs: 3 -> 2"),
        ("abd", "training pairs: 3 -> 3 of other names or sizes"),
    ],
)
def test_other_pairs_are_noticed_and_taken_on_request(run, inputs, names, message):
    other = inputs(names, folder="other")
    for recipe in (RECIPE, changed(data_dir="other")):
        with pytest.raises(InputError, match=f"--resume_with=data .* {message}"):
            begin(run, recipe, other)
    assert begin(run, RECIPE, other, ["data"]) == [message]
    assert logged(run) == [[message]]
    assert begin(run, RECIPE, other) == []


def test_files_of_another_size_are_noticed(run, inputs, tmp_path):
    inputs()
    (tmp_path / "here" / "b").write_bytes(b"xx")
    found = Inputs.of(RECIPE, *map(_Opened, (tmp_path / "here", tmp_path / "held_out")))
    with pytest.raises(InputError, match="of other names or sizes"):
        check(run, RECIPE, found)


class _Opened(Files):
    def __init__(self, folder):
        self.names = tuple(sorted(path.name for path in folder.iterdir()))
        self._files = [folder / name for name in self.names]


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"batch": 2}, None),
        ({"learning_rate": 1e-3, "egn_steps": 9}, None),
        ({"dataset": "samples"}, "data"),
        ({"dataset": "camera_shake*2"}, "data"),
        ({"data": {"gopro": GoProOptions("gamma")}}, "data"),
        ({"validation_pairs": 2}, "data"),
        ({"egn_steps": 9}, "steps"),
        ({"ensemble_steps": 9, "dataset": "samples"}, "steps,data"),
    ],
    ids=str,
)
def test_refusal_names_what_would_be_needed(run, inputs, options, remedy):
    recipe = changed(**options)
    with pytest.raises(InputError) as raised:
        check(run, recipe, inputs())
    message = str(raised.value)
    assert "\n" not in message and f"--init_weights={run.path}" in message
    assert all(f"--{name}: " in message for name in options if name != "data")
    assert ("--resume_with" in message) == bool(remedy)
    if remedy:
        assert f"--resume_with={remedy} " in message
        assert begin(run, recipe, inputs(), remedy.split(","))
        assert recipes.read(run.recipe) == recipe
    else:
        with pytest.raises(InputError):
            check(run, recipe, inputs(), ["steps", "data"])


def test_latest_phase_and_those_after_it_may_have_other_steps(run, inputs):
    reached(run, "backbone", 2)
    reached(run, "backbone", 3)
    for options in ({"backbone_steps": 9}, {"backbone_steps": 3}, {"egn_steps": 0}):
        assert check(run, changed(**options), inputs(), ["steps"])
    with pytest.raises(InputError, match=r"backbone_steps: 4 -> 2 \(3 are done\)"):
        check(run, changed(backbone_steps=2), inputs(), ["steps"])
    reached(run, "egn", 6)
    assert check(run, changed(egn_steps=60, ensemble_steps=5), inputs(), ["steps"])
    for steps in (3, 9, 0):
        with pytest.raises(InputError, match="the egn phase, which comes after, has"):
            check(run, changed(backbone_steps=steps), inputs(), ["steps"])
    begin(run, changed(egn_steps=60), inputs(), ["steps"])
    entry = json.loads(run.changes.read_text())["resumed"][0]
    assert entry["changes"] == ["--egn_steps: 6 -> 60"]
    assert entry["steps_done"] == {"backbone": 3, "egn": 6}


def save_weights(folder, content):
    (folder / "weights").mkdir(parents=True)
    (folder / "weights" / "model.json").write_text("{}")
    (folder / "weights" / "network.weights.h5").write_bytes(content)
    return str(folder)


def test_initial_weights_may_be_moved_but_not_be_others(tmp_path, inputs):
    folders = [
        save_weights(tmp_path / name, content)
        for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2"))
    ]
    first, moved, other = (changed(init_weights=folder) for folder in folders)
    run = RunFolder(tmp_path / "run")
    begin(run, first, inputs(recipe=first))
    reached(run, "backbone", 1)
    assert begin(run, moved, inputs(recipe=moved))
    for recipe in (other, RECIPE):
        with pytest.raises(InputError, match=r"--init_weights: .* -> "):
            begin(run, recipe, inputs(recipe=recipe), ["data", "steps"])


def test_run_of_an_earlier_version_resumes(tmp_path, inputs):
    """Its recipe lacks the flags that came later; what its data were is not known."""
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    kept = ("--backbone_steps", "--egn_steps", "--dataset", "--data_dir", "--check")
    lines = [x for x in to_text(RECIPE).splitlines() if x.startswith(kept)]
    run.recipe.write_text("\n".join(lines))
    reached(run, "backbone", 1)
    with pytest.raises(InputError, match="--resume_with=data"):
        begin(run, changed(data_dir="moved"), inputs())
    with pytest.raises(InputError, match=r"--ema_decay: 0.0 -> 0.5"):
        check(run, changed(ema_decay=0.5))
    assert begin(run, RECIPE, inputs()) == []
    assert begin(run, changed(data_dir="moved"), inputs())


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"[]", b'{"training": 3}', None])
@pytest.mark.parametrize("name", ["inputs", "changes"])
def test_damaged_notes_do_not_stop_a_run(run, inputs, name, content):
    begin(run, changed(data_dir="moved"), inputs())
    path = getattr(run, name)
    path.unlink() if content is None else path.write_bytes(content)
    assert begin(run, changed(data_dir="moved"), inputs()) == []
    assert begin(run, changed(data_dir="again"), inputs())
    assert logged(run)[-1] == ["--data_dir: moved -> again"]


@pytest.mark.parametrize("content", [b"\xff\x00", b"--batch", b"--other=1\n", b""])
def test_damaged_recipe_is_refused_in_one_line(run, inputs, content):
    run.recipe.write_bytes(content)
    with pytest.raises(InputError, match="Received: ") as raised:
        begin(run, RECIPE, inputs())
    assert "\n" not in str(raised.value)
    assert run.recipe.read_bytes() == content


def test_checkpoints_without_a_recipe_are_no_new_run(run, inputs):
    reached(run, "egn", 3)
    run.recipe.unlink()
    with pytest.raises(InputError, match=r"recipe\.flags beside the checkpoints"):
        begin(run, RECIPE, inputs())


def test_folder_of_imported_weights_is_no_run(tmp_path, inputs):
    run = RunFolder(tmp_path / "run")
    save_weights(run.path, b"")
    with pytest.raises(InputError, match="imported, not trained"):
        begin(run, RECIPE, inputs())


@pytest.mark.parametrize("name", ["compare.png", "metrics.csv", "best", "logs"])
def test_folder_of_something_else_is_no_run(tmp_path, inputs, name):
    run = RunFolder(tmp_path / "photos")
    run.path.mkdir()
    (run.path / "photo.png").touch()
    assert check(run, RECIPE, inputs()) == []
    (run.path / name).touch()
    with pytest.raises(InputError, match=f"photos with {name} of something else"):
        begin(run, RECIPE, inputs())
    assert len(list(run.path.iterdir())) == 2


OTHERS = {"branches": ("whole",), "frames_windows": (3,)}


@pytest.mark.parametrize("option", list(flatten(RECIPE)), ids=lambda one: one.name)
def test_difference_in_any_flag_is_refused_or_said(run, inputs, option):
    name, value = option.name, option.value
    if option.is_list:
        other = OTHERS.get(name, (option.kind(0.5),))
    elif option.kind is bool:
        other = not value
    elif option.choices:
        other = next(choice for choice in option.choices if choice != value)
    elif option.kind is str:
        other = "samples"
    else:
        other = 0.5 if option.upper else 3
    recipe = unflatten(RECIPE, {name: other})
    free = {"data_dir", "folder_blurry", "folder_sharp", "hsic"}
    free |= {"results_methods", "results_sharp"}
    free |= {"checkpoint_every", "validate_every"}
    if name in free:
        said = check(run, recipe, inputs())
    else:
        with pytest.raises(InputError) as raised:
            check(run, recipe, inputs())
        said = str(raised.value).partition("Received: ")[2].split(", ")
    assert len(said) == 1 and said[0].startswith(f"--{name}: ")
