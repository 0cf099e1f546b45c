"""Whether a run is resumed by a recipe and data, and the record that it was.

Resumed by the recipe and the data that it was begun with, a run ends as if it had never
stopped. What may differ:

- where data and initial weights lie, if they are the same: equal names and sizes of
  files, equal weights; and how often a run writes. The weights do not depend on either.
- with "steps", how long the latest phase, and those after it, train. The learning rate
  continues on the schedule of the new length.
- with "data", what is trained and validated on.

Every difference is added to `changes.json`, and `recipe.flags` is what holds from then
on.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from egnet_tf.data.fingerprint import Fingerprint
from egnet_tf.data.pairs import Pairs
from egnet_tf.data.registry import parse_dataset
from egnet_tf.errors import InputError
from egnet_tf.files import read_json, write_json, write_text
from egnet_tf.inference.resolve import resolve
from egnet_tf.options import Option, changes, flatten, to_text
from egnet_tf.training import recipe as recipes
from egnet_tf.training.recipe import PHASES, Recipe
from egnet_tf.training.run_folder import RunFolder

RESUME_WITH = ("steps", "data")

_WRITING = ("checkpoint_every", "validate_every", "hsic")
_PATHS = (
    *("data_dir", "folder_blurry", "folder_sharp"),
    *("results_methods", "results_sharp"),
)
_DATASETS = ("dataset", "validation")
_DATA = ("data_dir", *_DATASETS, "validation_pairs")
_STEPS = tuple(f"{name}_steps" for name in PHASES)

_WRITTEN = ("metrics.csv", "compare.png", "best", "logs", "changes.json")
"""What a run would replace, or add to, if it were there already."""

_LOG = logging.getLogger(__name__)


class Inputs(NamedTuple):
    """What a run is made from, wherever it lies.

    `init_weights` is a SHA-256 of the initial weights, "" without any.
    """

    training: Fingerprint
    held_out: Fingerprint
    init_weights: str

    @classmethod
    def of(cls, recipe: Recipe, pairs: Pairs, held_out: Pairs) -> Inputs:
        """Those of a recipe whose datasets have been opened.

        Raises:
            InputError: the initial weights cannot be read.
            OSError: a file is gone.
        """
        init_weights = ""
        if recipe.init_weights:
            digest = hashlib.sha256()
            for file in sorted(resolve(recipe.init_weights).weights().glob("*.h5")):
                digest.update(file.name.encode() + b"\0" + file.read_bytes())
            init_weights = digest.hexdigest()
        return cls(Fingerprint.of(pairs), Fingerprint.of(held_out), init_weights)

    def to_json(self) -> dict[str, Any]:
        """What `inputs.json` holds."""
        return {
            "training": self.training._asdict(),
            "held_out": self.held_out._asdict(),
            "init_weights": self.init_weights,
        }

    @classmethod
    def read(cls, run: RunFolder) -> Inputs | None:
        """Those that a run was begun with; None if they are not known.

        Runs of earlier versions have no such file, and a damaged one tells nothing.
        """
        try:
            values = read_json(run.inputs)
        except InputError:
            return None
        training = Fingerprint.from_json(values.get("training"))
        held_out = Fingerprint.from_json(values.get("held_out"))
        if training is None or held_out is None:
            return None
        return cls(training, held_out, str(values.get("init_weights", "")))


def check(
    run: RunFolder,
    recipe: Recipe,
    inputs: Inputs | None = None,
    resume_with: Collection[str] = (),
) -> list[str]:
    """Compares a recipe and its data with those that a run was begun with.

    Args:
        run: there or not.
        recipe: that of the command.
        inputs: None before the datasets are opened: differences that depend on them
            are not refused yet.
        resume_with: of `RESUME_WITH`, what may differ.

    Returns:
        The differences, all of them permitted, such as "--egn_steps: 100 -> 200".

    Raises:
        InputError: the run cannot be resumed so, or the folder holds something else.
    """
    done = run.steps_done()
    if _has_only_its_recipe(run):
        return []
    if not run.recipe.exists():
        if done:
            raise InputError(
                f"Expected {run.recipe.name} beside the checkpoints of a run, which "
                f"says what they are of, or another --run. Received: {run.path}"
            )
        if run.weights.exists():
            raise InputError(
                "Expected another --run: the weights here were imported, not trained; "
                f"--init_weights={run.path} begins with them. Received: {run.path}"
            )
        others = [name for name in _WRITTEN if (run.path / name).exists()]
        if others:
            raise InputError(
                "Expected for --run a new folder or that of a run. "
                f"Received: {run.path} with {', '.join(others)} of something else"
            )
        return []
    before = recipes.read(run.recipe)
    known = Inputs.read(run)
    other_data = _differences_of_data(known, inputs)
    data = {*_DATA, *(one.name for one in flatten({**recipe.data}))}
    permitted, refused, advice, final = list(other_data), [], set(), False
    if other_data and "data" not in resume_with:
        refused += other_data
        advice.add("data")
    for old, new in changes(before, recipe):
        said = f"--{old.name}: {_shown(old)} -> {_shown(new)}"
        permitted.append(said)
        if old.name in _WRITING:
            continue
        if old.name in _STEPS:
            problem = _problem_of_steps(before, recipe, done, old.name)
            if problem:
                refused.append(f"{said} ({problem})")
                final = True
            elif "steps" not in resume_with:
                refused.append(said)
                advice.add("steps")
        elif _only_moved(old, new, before, recipe, known, inputs):
            continue
        elif old.name not in data:
            refused.append(said)
            final = True
        elif "data" not in resume_with:
            refused.append(said)
            advice.add("data")
    if refused:
        expected = f"Expected what {run.path} was begun with"
        if not final:
            how = [x for x in RESUME_WITH if x in advice or x in resume_with]
            expected += f", --resume_with={','.join(how)} to continue with what differs"
        raise InputError(
            f"{expected}, or another --run, to which --init_weights={run.path} gives "
            f"the weights of this one. Received: {', '.join(refused)}"
        )
    return permitted


def begin(
    run: RunFolder, recipe: Recipe, inputs: Inputs, resume_with: Collection[str] = ()
) -> list[str]:
    """Begins a run, or resumes it; writes down by what.

    Only for the process that has the folder to itself (`egnet_tf.locks`).

    Returns:
        As `check`.

    Raises:
        InputError: as `check`.
        OSError: the folder cannot be written.
    """
    permitted = check(run, recipe, inputs, resume_with)
    anew = not run.recipe.exists() or _has_only_its_recipe(run)
    run.remove_unfinished()
    if permitted:
        entry = {
            "time": datetime.datetime.now().astimezone().isoformat(" ", "seconds"),
            "steps_done": run.steps_done(),
            "changes": permitted,
        }
        write_json(run.changes, {"resumed": [*_earlier_changes(run), entry]})
    if Inputs.read(run) != inputs:
        write_json(run.inputs, inputs.to_json())
    if permitted or anew:
        write_text(run.recipe, to_text(recipe))
    return permitted


def _has_only_its_recipe(run: RunFolder) -> bool:
    """Whether a run was refused, or stopped, before it had anything to resume."""
    began = any((run.path / name).exists() for name in _WRITTEN)
    return run.recipe.exists() and not (
        began or run.steps_done() or run.weights.exists()
    )


def _earlier_changes(run: RunFolder) -> Sequence[Any]:
    if not run.changes.exists():
        return []
    try:
        earlier = read_json(run.changes)["resumed"]
        if isinstance(earlier, list):
            return earlier
    except (InputError, KeyError):
        pass
    _LOG.warning("Replaced a damaged list of changes: %s", run.changes)
    return []


def _shown(option: Option) -> str:
    return option.text or "nothing"


def _differences_of_data(known: Inputs | None, inputs: Inputs | None) -> list[str]:
    if known is None or inputs is None:
        return []
    said = []
    for noun, old, new in (
        ("training pairs", known.training, inputs.training),
        ("held-out pairs", known.held_out, inputs.held_out),
    ):
        if old.pairs != new.pairs:
            said.append(f"{noun}: {old.pairs} -> {new.pairs}")
        elif old != new:
            said.append(f"{noun}: {old.pairs} -> {new.pairs} of other names or sizes")
    return said


def _problem_of_steps(
    before: Recipe, recipe: Recipe, done: dict[str, int], name: str
) -> str:
    """Why a phase cannot have another number of steps; "" if it can."""
    phase = name.removesuffix("_steps")
    later = [x for x in done if PHASES.index(x) > PHASES.index(phase)]
    if later:
        return f"the {later[-1]} phase, which comes after, has begun"
    least = done.get(phase, 0)
    if getattr(recipe, name) < least:
        return f"{least} are done"
    return ""


def _only_moved(
    old: Option,
    new: Option,
    before: Recipe,
    recipe: Recipe,
    known: Inputs | None,
    inputs: Inputs | None,
) -> bool:
    """Whether an option says where something is, and it is the same thing as before.

    Before the datasets are opened that is assumed.
    """
    if old.name == "init_weights" and not (old.value and new.value):
        return False
    if old.name in _DATASETS:
        texts = [(getattr(x, old.name) or x.dataset) for x in (before, recipe)]
        one, other = (
            [(source.name, source.weight) for source in parse_dataset(text)]
            for text in texts
        )
        if one != other:
            return False
    elif old.name not in (*_PATHS, "init_weights"):
        return False
    if inputs is None:
        return True
    if known is None:
        return False
    if old.name == "init_weights":
        return known.init_weights == inputs.init_weights
    return known[:2] == inputs[:2]
