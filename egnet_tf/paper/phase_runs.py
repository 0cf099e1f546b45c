"""Trains the phases of many rows, each phase once for all rows that begin alike."""

from __future__ import annotations

import dataclasses
import importlib
import json
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from egnet_tf.cli import app
from egnet_tf.errors import InputError
from egnet_tf.files import replacing
from egnet_tf.loss_weights import LOSSES
from egnet_tf.options import changes, to_text

if TYPE_CHECKING:
    from egnet_tf.training.recipe import Recipe

PHASES = {name: f"{name}_steps" for name in ("backbone", "egn", "joint", "ensemble")}
"""The flag of the steps of each phase."""

Command = Callable[..., int]
"""Runs a command by its module and its words; returns its exit code."""


class PhaseRun(NamedTuple):
    """A phase as a run of its own, with the recipe of that phase alone."""

    path: Path
    recipe: Recipe

    @property
    def finished(self) -> bool:
        """Whether training came to its end, where it draws the comparison."""
        return (self.path / "compare.png").exists()


def phase_runs(recipe: Recipe, folder: Path, backbone_loss: str = "") -> list[PhaseRun]:
    """The phases of a recipe as runs below a folder, each beginning with the last one.

    A run's name tells all that its weights depend on, so recipes that begin alike have
    their first runs in common. Flags without an effect on a phase are at their defaults
    in its recipe; the backbone phase knows nothing of EGN.

    Args:
        recipe: of a row, with all its phases.
        folder: where the runs go.
        backbone_loss: in the place of the recipe's loss in the backbone phase; "" for
            the recipe's own.
    """
    runs: list[PhaseRun] = []
    recipe = _plain(recipe)
    network = recipe.network_variant().to_json()
    before = recipe.init_weights
    for phase, steps in recipe.phase_steps().items():
        counts = {flag: 0 for flag in PHASES.values()} | {PHASES[phase]: steps}
        alone = dataclasses.replace(recipe, **counts)
        if phase == "backbone" and backbone_loss:
            alone = dataclasses.replace(alone, loss=backbone_loss, loss_weights=())
        alone = dataclasses.replace(alone, **_without_effect(alone, phase))
        # The name before, not its path: the folder may be moved. The network itself,
        # not only its name: another version of this package may have changed it.
        text = to_text(dataclasses.replace(alone, init_weights=before))
        used = network if phase != "backbone" else network | {"egn": None}
        text += json.dumps(used, sort_keys=True)
        before = f"{phase}_{zlib.crc32(text.encode()):08x}"
        start = str(runs[-1].path) if runs else recipe.init_weights
        alone = dataclasses.replace(alone, init_weights=start)
        runs.append(PhaseRun(folder / before, alone))
    return runs


def train_row(phases: Sequence[PhaseRun], run: Path, call: Command) -> None:
    """Trains what is not yet trained of a row's phases.

    The run of the last phase is copied to `run`, without its checkpoints.

    Raises:
        InputError: training failed, or `run` is that of another recipe.
    """
    from egnet_tf.training import recipe as recipes

    for phase in phases:
        if phase.finished:
            print(f"{phase.path}: trained already")
            continue
        usual = type(phase.recipe)()
        words = [f"--{new.name}={new.text}" for _, new in changes(usual, phase.recipe)]
        code = call("egnet_tf.train", *words, f"--run={phase.path}")
        if not phase.finished:
            if code == 0:  # It was stopped, by a signal that was for all of this.
                sys.exit(143)
            raise InputError(f"Expected a training that ends. Received: {phase.path}")
    path, recipe = phases[-1]
    if not run.exists():
        with replacing(run) as copy:
            shutil.copytree(path, copy, ignore=shutil.ignore_patterns("checkpoints"))
    if recipes.read(run / "recipe.flags") != recipe:
        raise InputError(
            f"Expected another --output. Received: {run}, a run of another recipe"
        )


def command(processes: bool) -> Command:
    """How to run commands: each in a process of its own, or all in this one."""
    return _in_a_process if processes else _here


def _in_a_process(module: str, *words: str) -> int:
    process = subprocess.Popen([sys.executable, "-m", module, *words])
    try:
        return process.wait()
    except BaseException:
        process.terminate()  # Training saves a checkpoint.
        process.wait()
        raise


def _here(module: str, *words: str) -> int:
    import keras

    keras.backend.clear_session()  # What the command before has left.
    called = importlib.import_module(module)
    return app.call(called.define_flags, called.main, words)


def _plain(recipe: Recipe) -> Recipe:
    """The same recipe without choices that say what the variant has anyway."""
    for field in dataclasses.fields(recipe):
        if field.default is not None:
            continue
        plain = dataclasses.replace(recipe, **{field.name: None})
        networks = {one.network_variant() for one in (plain, recipe)}
        if len(networks) == 1 and plain.training_loss() == recipe.training_loss():
            recipe = plain
    return recipe


def _without_effect(recipe: Recipe, phase: str) -> dict[str, Any]:
    """The recipe's fields that a phase does not depend on, with their defaults."""
    names = set() if phase == "ensemble" else {"branches", "ensemble_blocks"}
    terms = LOSSES[recipe.loss].weights
    names |= set() if "gradient" in terms else {"gradient_loss"}
    names |= set() if "ms_ssim" in terms else {"ms_ssim"}
    if phase == "backbone":
        fields = {field.name for field in dataclasses.fields(recipe)}
        names |= {name for name in fields if name == "egn" or name.startswith("egn_")}
        if "gradient" not in recipe.training_loss().weights:
            names.add("gradient_normalise")
    default = type(recipe)()
    return {name: getattr(default, name) for name in names - set(PHASES.values())}
