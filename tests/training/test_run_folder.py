import logging
import math
import shutil

import pytest

from egnet_tf.training.run_folder import Best, RunFolder, checkpoint_steps
from helpers import python


def add(run, step, psnr, phase="backbone"):
    """What a validation writes: weights, if they are the best, then the table."""
    if run.is_best(psnr):
        (run.best / "weights").mkdir(parents=True, exist_ok=True)
        (run.best / "weights" / "model.json").touch()
        run.note_best(phase, step, psnr)
    run.add_metrics(phase=phase, step=step, psnr=psnr, ssim=0.5, seconds=3)


def test_best_validation_has_the_highest_psnr(tmp_path):
    run = RunFolder(tmp_path / "run")
    assert run.best_validation() is None
    for step, psnr, phase, best in (
        (0, 20.0, "backbone", ("backbone", 0, 20.0)),
        (2, 19.0, "backbone", ("backbone", 0, 20.0)),
        (0, 20.0, "egn", ("backbone", 0, 20.0)),
        (2, 20.1, "egn", ("egn", 2, 20.1)),
        (4, math.nan, "egn", ("egn", 2, 20.1)),
        (6, math.inf, "egn", ("egn", 6, math.inf)),
    ):
        add(run, step, psnr, phase)
        assert run.best_validation() == best


def test_best_weights_that_were_deleted_are_written_at_the_next_validation(tmp_path):
    run = RunFolder(tmp_path / "run")
    add(run, 0, 20.0)
    shutil.rmtree(run.best)
    assert run.best_validation() is None
    add(run, 2, 19.0)
    assert run.best_validation() == Best("backbone", 2, 19.0)


def test_best_of_a_run_of_an_earlier_version_is_that_of_its_table(tmp_path):
    run = RunFolder(tmp_path / "run")
    add(run, 0, 20.0)
    add(run, 2, 19.0)
    for content in (None, b"", b"[]", b'{"phase": 3}', b"\xff\x00"):
        note = run.best / "validation.json"
        note.unlink() if content is None else note.write_bytes(content)
        assert run.best_validation() == Best("backbone", 0, 20.0)
        assert not run.is_best(20.0) and run.is_best(20.1)


@pytest.mark.parametrize(
    "damage",
    [
        *(b"", b"\xff\xfe\x00\x00", b"\0" * 10, b"phase\n", b'"' + b"x" * 200_000),
        b"phase,step,psnr\nbackbone,1\nbackbone,x,3\nnothing,1,2,3,4\n",
        b"a,b\n1,2\n",
    ],
    ids=repr,
)
def test_damaged_rows_of_the_table_are_left_out_with_a_warning(
    tmp_path, damage, caplog
):
    run = RunFolder(tmp_path)
    table = tmp_path / "metrics.csv"
    table.write_bytes(damage)
    with caplog.at_level(logging.WARNING):
        assert run.metrics() == []
    assert bool(caplog.records) == bool(damage)
    add(run, 2, 21.0)
    caplog.clear()
    assert [row["psnr"] for row in run.metrics()] == ["21.0"] and not caplog.records


def test_columns_that_a_person_added_to_the_table_stay(tmp_path):
    run = RunFolder(tmp_path)
    table = tmp_path / "metrics.csv"
    table.write_text("phase,step,psnr,remark\nbackbone,0,20.5,slow\n")
    add(run, 2, 21.0)
    first, second = run.metrics()
    assert (first["psnr"], first["seconds"], first["remark"]) == ("20.5", "", "slow")
    assert (second["psnr"], second["seconds"]) == ("21.0", "3")


def test_checkpoints_are_found_by_their_indexes_in_the_order_of_steps(tmp_path):
    run = RunFolder(tmp_path / "a[1]*")
    for phase, names in (
        ("egn", ("ckpt-2.index",)),
        ("backbone", ("ckpt-10.index", "ckpt-9.index", "ckpt-x.index", "ckpt-11.data")),
        ("joint", ("ckpt-3.data-00000-of-00001",)),
    ):
        run.checkpoints(phase).mkdir(parents=True)
        for name in names:
            (run.checkpoints(phase) / name).touch()
    assert checkpoint_steps(run.checkpoints("backbone")) == [9, 10]
    assert run.steps_done() == {"backbone": 10, "egn": 2}


def test_what_a_killed_process_left_behind_is_removed(tmp_path):
    run = RunFolder(tmp_path)
    for folder in (run.path, run.weights, run.best / "weights", run.checkpoints("egn")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".unfinished-01234567.h5").touch()
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / ".unfinished-01234567.csv").touch()
    run.remove_unfinished()
    left = [path.parent.name for path in tmp_path.rglob(".unfinished-*")]
    assert left == ["evaluation"]  # Another process may be writing there.


@pytest.mark.process
def test_recipes_and_run_folders_need_no_tensorflow():
    code = (
        "import sys; from egnet_tf.training import Recipe, RunFolder, resumption; "
        "from egnet_tf import train; "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
