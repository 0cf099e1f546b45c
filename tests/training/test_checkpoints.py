import logging

import numpy as np
import pytest

from egnet_tf.errors import InputError
from egnet_tf.training.checkpoints import Checkpoints
from egnet_tf.training.recipe import Recipe
from egnet_tf.training.state import TrainState

STEPS = 5


@pytest.fixture
def resume(make_phase, one_device, tmp_path):
    """Restores what there is into a new state, and returns its step and weights."""

    def begin():
        recipe = Recipe(ema_decay=0.9)
        with one_device.scope():
            phase = make_phase()
        state = TrainState.begin(phase, STEPS, recipe, one_device)
        return state, Checkpoints(tmp_path / "backbone", state)

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
