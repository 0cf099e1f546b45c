import logging
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from egnet_tf.errors import InputError
from egnet_tf.training.checkpoints import Checkpoints
from egnet_tf.training.recipe import Recipe
from egnet_tf.training.state import TrainState

STEPS = 5


@pytest.fixture
def resume(make_phase, one_device, tmp_path):
    """Restores what there is into a new state, and returns its step and weights."""

    def begin(folder=tmp_path / "backbone"):
        recipe = Recipe(ema_decay=0.9)
        with one_device.scope():
            phase = make_phase()
        state = TrainState.begin(phase, STEPS, recipe, one_device)
        return state, Checkpoints(folder, state)

    state, checkpoints = begin()
    for step in range(1, STEPS + 1):
        state.step.assign(step)
        for variable in state.phase.trained:
            variable.assign(np.full(variable.shape, step))
        checkpoints.save()

    def resume():
        state, checkpoints = begin()
        step = checkpoints.restore()
        for variable in state.phase.trained if step else ():
            np.testing.assert_array_equal(variable, np.full(variable.shape, step))
        return step, checkpoints

    resume.begin = begin
    return resume


def test_latest_three_checkpoints_are_kept_and_the_last_is_resumed(resume, tmp_path):
    step, checkpoints = resume()
    assert step == STEPS
    names = {path.stem for path in (tmp_path / "backbone").glob("*.index")}
    assert names == {"ckpt-3", "ckpt-4", "ckpt-5"}
    assert checkpoints.seconds > 0


def damaged(folder, step):
    return next(folder.glob(f"ckpt-{step}.data-*")), folder / f"ckpt-{step}.index"


@pytest.mark.parametrize("part", [0, 1], ids=["data", "index"])
@pytest.mark.parametrize("size", [0, 0.5], ids=["empty", "half"])
def test_truncated_checkpoint_is_skipped(resume, tmp_path, caplog, part, size):
    path = damaged(tmp_path / "backbone", STEPS)[part]
    content = path.read_bytes()
    path.write_bytes(content[: int(size * len(content))])
    with caplog.at_level(logging.WARNING):
        step, checkpoints = resume()
    assert step == STEPS - 1
    assert "Skipped damaged checkpoint" in caplog.text
    checkpoints.save()
    assert resume()[0] == STEPS - 1


@pytest.mark.parametrize("content", [None, b"", b"\xff\x00", b"model_checkpoint"])
def test_tensorflows_checkpoint_list_is_not_needed(resume, tmp_path, content):
    path = tmp_path / "backbone" / "checkpoint"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    assert resume()[0] == STEPS


def test_run_with_only_damaged_checkpoints_is_refused(resume, tmp_path):
    folder = tmp_path / "backbone"
    for path in folder.glob("*.index"):
        path.write_bytes(b"")
    with pytest.raises(InputError, match=f"undamaged .* Received: {folder}"):
        resume()


@pytest.mark.parametrize("part", [0, 1], ids=["data", "index"])
def test_any_flipped_byte_is_harmless_or_leads_to_the_one_before(
    resume, tmp_path, part
):
    path = damaged(tmp_path / "backbone", STEPS)[part]
    content = path.read_bytes()
    rng = np.random.default_rng(part)
    steps = set()
    for position in rng.choice(len(content), 40, replace=False):
        flipped = bytearray(content)
        flipped[position] ^= 1 << rng.integers(8)
        path.write_bytes(flipped)
        steps.add(resume()[0])  # It compares the weights.
    assert STEPS - 1 in steps and steps <= {STEPS - 1, STEPS}


def test_checkpoint_under_the_name_of_another_step_is_not_believed(resume, tmp_path):
    for path in damaged(tmp_path / "backbone", STEPS):
        path.rename(path.with_name(path.name.replace("-5", "-7")))
    assert resume()[0] == STEPS - 1


def test_what_a_killed_process_left_is_removed_at_the_next_start(resume, tmp_path):
    folder = tmp_path / "backbone"
    expected = {path.name for path in folder.iterdir()}
    (folder / "ckpt-9_temp").mkdir()
    (folder / "ckpt-9_temp" / "part-0").touch()
    (folder / "ckpt-9.data-00000-of-00001").touch()
    (folder / "ckpt-1.index").touch()
    (folder / "note.txt").touch()
    assert resume()[0] == STEPS
    assert {path.name for path in folder.iterdir()} == {*expected, "note.txt"}


def test_data_without_an_index_are_no_checkpoint(resume, tmp_path, caplog):
    for path in (tmp_path / "backbone").glob("*.index"):
        path.unlink()
    with caplog.at_level(logging.WARNING):
        step, checkpoints = resume()
    assert step == 0 and "Began the phase anew" in caplog.text
    checkpoints.save()
    left = {path.name.partition(".")[0] for path in (tmp_path / "backbone").iterdir()}
    assert left == {"ckpt-0", "seconds"}


def test_failed_save_leaves_the_earlier_checkpoints(resume, tmp_path, monkeypatch):
    _, checkpoints = resume()
    before = {x.name: x.read_bytes() for x in (tmp_path / "backbone").iterdir()}

    def full_disk(path):
        Path(path + ".data-00000-of-00001").touch()
        raise tf.errors.ResourceExhaustedError(None, None, "No space left\non device")

    monkeypatch.setattr(checkpoints._checkpoint, "write", full_disk)
    with pytest.raises(OSError, match=r"ckpt-5: No space left$"):
        checkpoints.save()
    after = {x.name: x.read_bytes() for x in (tmp_path / "backbone").iterdir()}
    assert before == after


@pytest.mark.skipif(os.name == "nt", reason="names that Windows does not have")
@pytest.mark.parametrize(
    "name",
    ["a[1]", "a*b?", "back\\slash", "line\nbreak", os.fsdecode(b"fot\xe4")],
    ids=ascii,
)
def test_checkpoints_are_saved_and_resumed_in_a_folder_of_any_name(
    resume, tmp_path, name
):
    (tmp_path / "a1").mkdir()  # What "a[1]" would be as a pattern.
    here = tmp_path / name
    (tmp_path / "backbone").rename(here)
    state, checkpoints = resume.begin(here)
    assert checkpoints.restore() == STEPS
    state.step.assign(STEPS + 1)
    checkpoints.save()
    assert resume.begin(here)[1].restore() == STEPS + 1
