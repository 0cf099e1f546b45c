"""What a phase leaves behind while it trains, besides its checkpoints."""

from __future__ import annotations

from egnet_tf import models
from egnet_tf.training.phases import Phase
from egnet_tf.training.recipe import Recipe
from egnet_tf.training.run_folder import RunFolder
from egnet_tf.training.samples import Samples
from egnet_tf.training.telemetry import Pace, Telemetry
from egnet_tf.training.validation import Validator


class PhaseRecord:
    """Writes TensorBoard's logs, metrics.csv and the weights of the validations.

    Args:
        phase: whose networks are validated.
        steps: of the phase.
        recipe: of the run.
        run: where to.
        validator: scores the networks.
    """

    def __init__(
        self,
        phase: Phase,
        steps: int,
        recipe: Recipe,
        run: RunFolder,
        validator: Validator,
    ):
        self._phase, self._recipe, self._run = phase, recipe, run
        self._validator = validator
        self._samples = Samples(
            phase, validator.restorer, validator.pairs, recipe.crop, recipe.hsic
        )
        self._telemetry = Telemetry(run.logs / phase.name, steps)
        self._parameters = phase.network.count_params()
        if phase.ensemble is not None:
            self._parameters += phase.ensemble.count_params()

    def trained(
        self, step: int, values: dict[str, float], learning_rate: float, pace: Pace
    ) -> None:
        """Notes the values of a training step, see `TrainStep`."""
        if not self._telemetry.due(step):
            return
        losses = {f"loss/{k}": values[k] for k in self._recipe.loss_terms()}
        self._telemetry.scalars(
            step,
            {
                **losses,
                "loss/total": values["loss"],
                "training/psnr": values["psnr"],
                "training/gradient_norm": values["gradient_norm"],
                "training/learning_rate": learning_rate,
                **pace.scalars(),
            },
        )

    def validate(self, step: int, loss: float, seconds: float) -> None:
        """Scores the networks as they are now, saves them, and draws the samples.

        Args:
            step: of the phase.
            loss: of the last training step.
            seconds: that the phase has taken.
        """
        phase, run, scores = self._phase, self._run, self._validator()
        model = models.LoadedModel(
            phase.variant,
            phase.network,
            phase.ensemble,
            phase.branches,
            self._recipe.crop,
        )
        models.save(run.weights, model)
        if run.is_best(phase.name, step, scores.psnr):
            models.save(run.best / run.weights.name, model)
        run.add_metrics(
            phase=phase.name,
            step=step,
            loss=loss,
            parameters=self._parameters,
            seconds=round(seconds),
            **scores._asdict(),
        )
        sheet, hsic = self._samples.look()
        values = {"validation/psnr": scores.psnr, "validation/ssim": scores.ssim}
        if hsic is not None:
            values["validation/hsic"] = hsic
        self._telemetry.scalars(step, values)
        self._telemetry.image(step, "samples", sheet)

    def close(self) -> None:
        """Writes what still waits."""
        self._telemetry.close()
