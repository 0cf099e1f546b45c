import os
from pathlib import Path

import pytest
from absl.flags import FlagValues

from egnet_tf import train
from egnet_tf.cli import flags
from egnet_tf.cli.flag_files import expanded
from egnet_tf.data.augment import Augment
from egnet_tf.data.datasets.frames import FramesOptions
from egnet_tf.data.datasets.gopro import GoProOptions
from egnet_tf.errors import InputError
from egnet_tf.files import write_text
from egnet_tf.loss_weights import Loss
from egnet_tf.models.configs import EGNConfig
from egnet_tf.models.variants import VARIANTS
from egnet_tf.options import from_text, to_text
from egnet_tf.training import recipe as recipes
from egnet_tf.training.recipe import Recipe

CONFIGS = Path(__file__).parents[2] / "configs"


def parsed(path):
    values = FlagValues()
    train.define_flags(values)
    values(["train", *expanded([f"--flagfile={path}"])])
    return values.run, flags.read(Recipe, values)


def test_recipe_round_trips_through_its_flag_file(tmp_path):
    recipe = Recipe(
        variant="egnet_tiny",
        data_dir="a folder/with blanks",
        egn=False,
        learning_rate=3e-4,
        backbone_steps=7,
        augment=Augment(rotate90=True),
        data={"frames": FramesOptions(windows=(3, 5)), "gopro": GoProOptions("gamma")},
    )
    path = tmp_path / "recipe.flags"
    path.write_text(to_text(recipe))
    assert recipes.read(path) == recipe
    assert "--frames_windows=3,5\n" in to_text(recipe)
    changed = recipes.differences(Recipe(), recipe)
    assert "--gopro_blur: linear -> gamma" in changed and len(changed) == 8


@pytest.mark.parametrize(
    "path",
    [
        *(" a ", '"', '"a"', "a\nb", "a\r\n", "\x85", "#", "--x=y", "ü, *写", "\u2028"),
        *("\\", '\\"', "C:\\data", os.fsdecode(b"fot\xe4 ")),
    ],
    ids=ascii,
)
def test_recipe_of_any_path_round_trips_through_its_flag_file(tmp_path, path):
    recipe = Recipe(data_dir=path, validation=f"folder:{path}", joint_steps=1)
    file = tmp_path / "recipe.flags"
    write_text(file, to_text(recipe))
    assert recipes.read(file) == recipe
    file.write_text(f"--run=x\n{file.read_text('utf-8')}", "utf-8")
    assert parsed(file) == ("x", recipe)


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.flags")), ids=lambda p: p.stem)
def test_every_flag_file_of_the_project_is_a_recipe(path):
    if path.stem == "ablations":  # Of the command that trains the rows beside it.
        return
    run, recipe = parsed(path)
    if path.stem == "base":
        return
    assert run.startswith("runs/")
    if not recipe.init_weights:  # those would have to be there
        assert recipe.phase_steps()


def test_defaults_are_the_papers_recipe():
    _, recipe = parsed(CONFIGS / "gopro.flags")
    assert (recipe.variant, recipe.crop, recipe.batch) == ("egnet", 256, 1)
    assert (recipe.learning_rate, recipe.final_learning_rate) == (2e-4, 1e-6)
    assert recipe.phase_steps()["backbone"] == recipe.phase_steps()["egn"] == 6_000_000
    weights = recipe.training_loss().weights
    assert weights == {"content": 1, "gradient": 0.05, "ms_ssim": 0.1}


def test_ablation_recipes_change_what_their_rows_say():
    rows = {p.stem: parsed(p)[1] for p in (CONFIGS / "ablations").glob("table*.flags")}
    assert len(rows) == 12
    reference = rows["table3_gradient_attention"]
    changed = {
        name: {d.split(":")[0] for d in recipes.differences(reference, recipe)}
        for name, recipe in rows.items()
    }
    assert changed["table3_gradient_convolutions"] == {"--egn_attention"}
    assert changed["table3_add_0.2_attention"] == {
        "--egn_input",
        "--egn_implicit_stddev",
    }
    assert changed["table4_without_egn"] == {"--egn", "--egn_steps"}
    assert changed["table4_with_egn"] == set()
    # Table 6 is scored with the self-ensemble.
    assert changed["table6_with_gradient_loss"] == {"--ensemble_steps"}
    assert changed["table6_without_gradient_loss"] == {
        "--ensemble_steps",
        "--gradient_loss",
    }
    egn = rows["table3_mul_0.02_convolutions"].network_variant().egn
    assert (egn.input, egn.implicit_stddev, egn.attention) == (
        "implicit_mul",
        0.02,
        False,
    )
    assert (
        "gradient" not in rows["table6_without_gradient_loss"].training_loss().weights
    )
    assert rows["table4_without_egn"].network_variant().egn is None


def test_impossible_recipes_are_refused():
    with pytest.raises(InputError, match="above 0"):
        Recipe().phase_steps()
    with pytest.raises(InputError, match="--egn_steps=0"):
        Recipe(egn=False, egn_steps=5).phase_steps()


def test_recipe_changes_what_the_paper_leaves_open():
    recipe = Recipe(
        variant="egnet_testing",
        egn_filters=6,
        egn_modules=2,
        egn_patches="joined",
        egn_gate="sigmoid",
        egn_position_residual=True,
        egn_position_scaled=True,
        gradient_normalise="minmax",
        ensemble_blocks="shared",
        loss_weights=(2.0, 0.5, 0.25),
        ms_ssim="all_scales",
    )
    chosen = recipe.network_variant()
    assert chosen.egn == EGNConfig(
        filters=6,
        num_modules=2,
        key_filters=2,
        patches="joined",
        gate="sigmoid",
        position_residual=True,
        position_scaled=True,
        gradient_normalise="minmax",
    )
    assert chosen.ensemble_blocks == "shared"
    weights = {"content": 2.0, "gradient": 0.5, "ms_ssim": 0.25}
    assert recipe.training_loss() == Loss(weights, "minmax", "all_scales")
    assert from_text(Recipe(), to_text(recipe)) == recipe


def test_recipe_without_egn_has_the_same_loss():
    for egn in (True, False):
        loss = Recipe(variant="egnet_mobile", egn=egn).training_loss()
        assert (
            loss.gradient_normalise == VARIANTS["egnet_mobile"].egn.gradient_normalise
        )


def test_recipe_refuses_another_number_of_loss_weights():
    with pytest.raises(InputError, match=r"3 numbers .* content, .* Received: 2"):
        Recipe(loss_weights=(1.0, 0.05)).training_loss()
