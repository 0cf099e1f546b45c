import pytest

from egnet_tf.errors import InputError
from egnet_tf.options import to_text
from egnet_tf.training.recipe import Recipe
from egnet_tf.training.run_folder import RunFolder
from helpers import python

RECIPE = Recipe(backbone_steps=4)


def add(run, step, psnr, phase="backbone"):
    run.add_metrics(phase=phase, step=step, psnr=psnr, ssim=0.5, seconds=3)


def test_best_validation_has_the_highest_psnr(tmp_path):
    run = RunFolder(tmp_path / "run", RECIPE)
    assert run.is_best("backbone", 0, 20.0)
    add(run, 0, 20.0)
    assert not run.is_best("backbone", 2, 19.0)
    add(run, 2, 19.0)
    assert not run.is_best("egn", 0, 20.0)
    assert run.is_best("egn", 0, 20.1)
    # A step that is validated again, after a kill, is not measured against itself.
    assert run.is_best("backbone", 0, 20.0)


def test_run_of_an_earlier_version_resumes(tmp_path):
    """Its recipe and its table lack the flags and columns that came later."""
    path = tmp_path / "run"
    path.mkdir()
    kept = ("--backbone_steps", "--variant", "--learning_rate")
    lines = [x for x in to_text(RECIPE).splitlines() if x.startswith(kept)]
    (path / "recipe.flags").write_text("\n".join(lines))
    (path / "metrics.csv").write_text("phase,step,psnr\nbackbone,0,20.5\n")
    run = RunFolder(path, RECIPE)
    add(run, 2, 21.0)
    first, second = run.metrics()
    assert (first["psnr"], first["seconds"]) == ("20.5", "")
    assert (second["psnr"], second["seconds"]) == ("21.0", "3")
    with pytest.raises(InputError, match=r"--ema_decay: 0.0 -> 0.5"):
        RunFolder(path, Recipe(backbone_steps=4, ema_decay=0.5))


def test_only_the_chief_creates_a_run_folder(tmp_path):
    RunFolder(tmp_path / "run", RECIPE, begins=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.process
def test_recipes_and_run_folders_need_no_tensorflow():
    code = (
        "import sys; from egnet_tf.training import Recipe, RunFolder; "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
