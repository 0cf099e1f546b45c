"""The flags of datasets, in commands and in recipes."""

import dataclasses

import pytest
from absl import flags

from egnet_tf.cli.data_flags import DataFlags
from egnet_tf.data.registry import DataOptions
from egnet_tf.errors import InputError
from egnet_tf.training.recipe import Recipe


def parsed(*words):
    values = flags.FlagValues()
    chosen = DataFlags(flag_values=values)
    values(["command", *words])
    return chosen


def test_recipes_have_the_same_names_and_defaults():
    values = flags.FlagValues()
    DataFlags(flag_values=values)
    recipe = {field.name: field.default for field in dataclasses.fields(Recipe)}
    shared = set(recipe) & set(values) - {"seed"}  # A run's is of its weights too.
    assert shared >= {"dataset", "data_dir", "gopro_blur", "frames_windows"}
    for name in shared:
        default = values[name].default
        if isinstance(default, list):
            default = ",".join(map(str, default))
        assert (default or "") == recipe[name], name


def test_without_flags_the_options_are_the_defaults():
    assert parsed().options() == DataOptions()
    assert parsed().title() == "samples test"


def test_flags_reach_the_pairs_and_the_title():
    chosen = parsed("--gopro_blur=gamma", "--frames_windows=3,5", "--dataset=gopro")
    assert chosen.options().frames_windows == (3, 5)
    assert chosen.title() == "gopro test, gopro_blur=gamma, frames_windows=3,5"
    far, near = parsed("--camera_shake_extent=30"), parsed("--camera_shake_extent=4")
    assert (far.open().read(0).blurry != near.open().read(0).blurry).any()


def test_windows_that_are_no_numbers_are_refused():
    with pytest.raises(InputError, match="Received: 3,x"):
        parsed("--frames_windows=3,x").options()
