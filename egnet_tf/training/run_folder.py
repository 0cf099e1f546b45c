"""A run's folder: runs/<name>/.

recipe.flags    every number of the run
checkpoints/    one folder a phase, the latest three each
logs/           TensorBoard
metrics.csv     one row a validation
weights/        the networks as last validated, see egnet_tf.models.weights
best/           the same of the validation with the highest PSNR of all phases: its
                folder weights/ makes it a model that every command takes
compare.png     blurry, restored and sharp
"""

from __future__ import annotations

import csv
from pathlib import Path

from egnet_tf.errors import InputError
from egnet_tf.files import replacing, write_text
from egnet_tf.options import to_text
from egnet_tf.training import recipe as recipes
from egnet_tf.training.recipe import Recipe

_COLUMNS = (
    *("phase", "step", "psnr", "ssim", "blurry_psnr", "blurry_ssim", "loss"),
    *("parameters", "seconds"),
)


class RunFolder:
    """Opens a run's folder, or creates it if `begins`.

    Of several workers only the chief creates it.

    Raises:
        InputError: the folder holds a run of another recipe, or one that was imported.
    """

    def __init__(self, path: Path, recipe: Recipe, begins: bool = True):
        self.path = path
        written = path / "recipe.flags"
        if written.exists():
            changed = recipes.differences(recipes.read(written), recipe)
            if changed:
                raise InputError(
                    f"Expected the recipe that {path} was begun with, or another "
                    f"--run. Received: {', '.join(changed)}"
                )
            return
        if self.weights.exists():
            raise InputError(
                "Expected another --run: the weights here were imported, not trained; "
                f"--init_weights={path} begins with them. Received: {path}"
            )
        if not begins:
            return
        write_text(written, to_text(recipe))

    @property
    def weights(self) -> Path:
        """The folder of the networks as last validated."""
        return self.path / "weights"

    @property
    def best(self) -> Path:
        """The model with the highest validation PSNR, see `is_best`."""
        return self.path / "best"

    @property
    def logs(self) -> Path:
        """The folder of TensorBoard's events."""
        return self.path / "logs"

    def checkpoints(self, phase: str) -> Path:
        """The folder of a phase's checkpoints."""
        return self.path / "checkpoints" / phase

    def is_best(self, phase: str, step: int, psnr: float) -> bool:
        """Whether no other validation in metrics.csv reached this PSNR."""
        others = self._metrics_but(phase, step)
        return all(psnr > float(row["psnr"]) for row in others)

    def add_metrics(self, **row) -> None:
        """Adds a row to metrics.csv; it replaces one of the same phase and step."""
        rows = self._metrics_but(row["phase"], row["step"])
        with (
            replacing(self.path / "metrics.csv") as unfinished,
            unfinished.open("w", newline="") as file,
        ):
            writer = csv.DictWriter(file, _COLUMNS)
            writer.writeheader()
            writer.writerows([*rows, row])

    def metrics(self) -> list[dict[str, str]]:
        """The rows of metrics.csv, in the order in which they were added."""
        path = self.path / "metrics.csv"
        if not path.exists():
            return []
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    def _metrics_but(self, phase: str, step: int) -> list[dict[str, str]]:
        return [
            row
            for row in self.metrics()
            if (row["phase"], row["step"]) != (phase, str(step))
        ]
