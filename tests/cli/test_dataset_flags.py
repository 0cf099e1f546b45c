"""The flags of datasets, the same in every command."""

import numpy as np
import pytest
from absl import flags

from egnet_tf.cli import dataset_flags
from egnet_tf.data.registry import default_options
from egnet_tf.options import flatten
from helpers import python


def parsed(*words):
    values = flags.FlagValues()
    dataset_flags.define(values)
    values(["command", *words])
    return values


def test_every_option_of_every_dataset_is_a_flag():
    names = {option.name for option in flatten(default_options())}
    assert {"gopro_blur", "frames_windows", "camera_shake_extent"} < names
    assert names < set(parsed())


def test_dataset_flags_reach_the_title():
    words = ["--gopro_blur=gamma", "--frames_windows=3,5", "--dataset=gopro"]
    assert dataset_flags.title(parsed()) == "samples test"
    title = "gopro test, frames_windows=3,5, gopro_blur=gamma"
    assert dataset_flags.title(parsed(*words)) == title


def test_dataset_flags_reach_the_pairs():
    far, near = (
        dataset_flags.open_pairs(parsed(f"--samples_extent={extent}")).read(0)
        for extent in (30, 4)
    )
    assert (far.blurry != near.blurry).any()


NEW_DATASET = """
import dataclasses
import numpy as np
from egnet_tf.data.pairs import Pair, Pairs
from egnet_tf.data.registry import dataset
from egnet_tf.options import option

@dataclasses.dataclass(frozen=True)
class GreyOptions:
    level: int = option(3, "Level of the grey images of --dataset=grey.", upper=255)

class Grey(Pairs):
    names = ("one",)

    def __init__(self, level):
        self.level = level

    def read(self, index):
        return Pair(*np.full((2, 8, 8, 3), self.level, np.uint8))

@dataset("grey", GreyOptions)
def open_grey(request, options):
    return Grey(options.level)
"""

WITH_NEW_DATASET = """
import runpy, sys
import egnet_tf.data.datasets
egnet_tf.data.datasets.__path__.append(sys.argv.pop(1))
runpy.run_module("egnet_tf.prepare", run_name="__main__", alter_sys=True)
"""


@pytest.mark.process
def test_new_dataset_takes_one_file(tmp_path):
    (tmp_path / "grey.py").write_text(NEW_DATASET)

    def prepare(*words):
        return python("-c", WITH_NEW_DATASET, tmp_path, *words, cwd=tmp_path)

    assert "--grey_level (default: 3)" in prepare("--help").stdout
    done = prepare("--dataset=grey", "--grey_level=7", "--crop=0", "--output=out")
    assert done.returncode == 0, done.stderr
    pixels = np.load(tmp_path / "out" / "train" / "000000.npy")
    assert pixels.shape == (1, 2, 8, 8, 3) and (pixels == 7).all()
