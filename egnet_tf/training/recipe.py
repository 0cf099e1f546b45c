"""The recipe of a training run: every number, in one frozen dataclass.

Its fields are the flags of `python -m egnet_tf.train`, its text form is a flag file:
`runs/<name>/recipe.flags` can be given back as --flagfile.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from egnet_tf.data.augment import Augment
from egnet_tf.data.registry import default_options, parse_dataset
from egnet_tf.errors import InputError
from egnet_tf.inference.branches import (
    BRANCHES_HELP,
    PAPER_BRANCHES,
    checked_branches,
)
from egnet_tf.inference.resolve import resolve
from egnet_tf.loss_weights import LOSSES, MS_SSIM, Loss
from egnet_tf.models.configs import (
    BLOCKS,
    GATES,
    INPUTS,
    NORMALISERS,
    PATCHES,
)
from egnet_tf.models.variants import RESULTS, VARIANTS, Variant, variant
from egnet_tf.models.weights import read_variant
from egnet_tf.options import changes, from_text, option

PHASES = ("backbone", "egn", "joint", "ensemble")
"""The phases in their order; see `egnet_tf.training.phases`."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a run is made of. Two runs of one recipe give the same weights."""

    # === Network ===
    variant: str = option(
        "egnet", "Named size of the network.", choices=tuple(VARIANTS)
    )
    egn: bool = option(True, "Put EGN into the backbone (Table 4).")
    egn_input: str = option(
        "gradient",
        "Input of EGN beside the features: the gradient map, or a learned tensor that "
        "is added or multiplied (Table 3).",
        choices=tuple(INPUTS),
    )
    egn_implicit_stddev: float = option(
        0.02,
        "Standard deviation of the initial values of EGN's learned input (Table 3).",
        lower=0.0,
    )
    egn_attention: bool = option(
        True, "Attention in EGN, instead of plain convolutions (Table 3)."
    )
    egn_filters: int | None = option(
        None, "Channels inside EGN. By default the variant's.", lower=1
    )
    egn_modules: int | None = option(
        None, "EGMs in a row. By default the variant's.", lower=1
    )
    egn_patches: str | None = option(
        None,
        "Let EGN enhance the encoder's patches apart, or after they are joined. By "
        "default the variant's choice.",
        choices=PATCHES,
    )
    egn_gate: str | None = option(
        None,
        "Gate of EGN's channel attention, Eq. 3: linear as printed, or a sigmoid. By "
        "default the variant's.",
        choices=GATES,
    )
    egn_position_residual: bool | None = option(
        None,
        "Add the input of EGN's position attention to its output, which Eq. 9 as "
        "printed does not. By default the variant's choice.",
    )
    egn_position_scaled: bool | None = option(
        None,
        "Divide the products of Eq. 8 by the root of their length, which the printed "
        "one does not. By default the variant's choice.",
    )
    gradient_normalise: str | None = option(
        None,
        "G of Eq. 15, for EGN and the gradient loss: by the image's maximum, its "
        "minimum and maximum, its standard deviation, or a fixed scale "
        "(docs/paper.md). By default the variant's.",
        choices=NORMALISERS,
    )
    ensemble_blocks: str | None = option(
        None,
        "Blocks of Eq. 10: a separate one for each branch, or one that all share. By "
        "default the variant's choice.",
        choices=BLOCKS,
    )
    initial_spread: str = option(
        "keras",
        "Spread of a new network's weights: Keras' (Glorot) or PyTorch's, whose "
        "standard deviation is 1.7 times smaller.",
        choices=("keras", "pytorch"),
    )
    init_weights: str = option(
        "",
        "Run, or variant with shipped weights, whose pretrained weights the first "
        "phase begins with; the sizes of its backbone are kept.",
    )

    # === Data ===
    dataset: str = option(
        "samples",
        "The dataset, or several as name[:folder][*weight],... (docs/data.md).",
    )
    data_dir: str = option(
        "", "The folder of the datasets that --dataset names without one."
    )
    validation: str = option(
        "",
        "Dataset whose test split is validated on. By default that of --dataset.",
    )
    data: Mapping[str, Any] = dataclasses.field(default_factory=default_options)
    crop: int = option(256, "Side of the training crops in pixels.", lower=16)
    batch: int = option(1, "Batch size: crops a step, over all devices.", lower=1)
    accumulate: int = option(
        1,
        "Parts in which a device takes its share of the batch: less memory, the same "
        "gradient.",
        lower=1,
    )
    augment: Augment = dataclasses.field(default_factory=Augment)

    # === Phases: steps of each, 0 leaves it out ===
    backbone_steps: int = option(
        0, "Steps of the backbone phase; 0 leaves it out.", lower=0
    )
    egn_steps: int = option(0, "Steps of the EGN phase; 0 leaves it out.", lower=0)
    joint_steps: int = option(
        0,
        "Steps of the phase that trains backbone and EGN together, which is not in "
        "the paper; 0 leaves it out.",
        lower=0,
    )
    ensemble_steps: int = option(
        0, "Steps of the self-ensemble phase; 0 leaves it out.", lower=0
    )
    branches: tuple[str, ...] = option(
        PAPER_BRANCHES,
        f"Branches that the self-ensemble fuses, a set. Among {BRANCHES_HELP}",
        validate=checked_branches,
    )

    # === Loss and optimizer ===
    loss: str = option(
        "egnet",
        "The training loss: the paper's, MPRNet's or PSNR.",
        choices=tuple(LOSSES),
    )
    gradient_loss: bool = option(
        True, "Keep the gradient term of the paper's loss (Table 6)."
    )
    loss_weights: tuple[float, ...] = option(
        (),
        "Weights of the loss's terms; of the paper's: content, gradient, MS-SSIM. By "
        "default 1,0.05,0.1 for these, as in Eq. 17.",
        lower=0.0,
    )
    ms_ssim: str = option(
        "wang",
        "Luminance in the MS-SSIM of Eq. 16: at the coarsest scale (Wang et al.), or "
        "at all scales, as printed.",
        choices=MS_SSIM,
    )
    optimizer: str = option(
        "adam",
        "The optimizer. The last four are from tensorflow-addons and need the extra "
        "`addons`.",
        choices=("adam", "adamw", "radam", "lookahead", "lamb", "swa"),
    )
    weight_decay: float = option(
        0.0, "Weight decay of adamw, decoupled from the gradient.", lower=0.0
    )
    adam_epsilon: float = option(
        1e-8, "Epsilon of adam and adamw; MPRNet's is 1e-8.", lower=0.0
    )
    adam_beta_2: float = option(
        0.999,
        "Decay of the second moment of adam and adamw; NAFNet's is 0.9.",
        lower=0.0,
        upper=0.999999,
    )
    learning_rate: float = option(2e-4, "Learning rate after the warm-up.", lower=0.0)
    final_learning_rate: float = option(
        1e-6, "Learning rate at the end of a phase.", lower=0.0
    )
    warmup_steps: int = option(
        0, "Steps in which the learning rate rises from 0.", lower=0
    )
    clip_norm: float = option(
        0.0, "The largest global norm of a gradient; 0 is for no limit.", lower=0.0
    )
    ema_decay: float = option(
        0.0,
        "Decay of a moving average of the weights that is validated and saved in "
        "their place, such as 0.999; 0 is for none.",
        lower=0.0,
        upper=0.999999,
    )
    skip_non_finite: bool = option(
        False, "Leave out updates that are not finite, and name their images."
    )

    # === Running ===
    seed: int = option(
        1234, "The seed of the initial weights, the data and their augmentation."
    )
    validate_every: int = option(
        0, "Steps between validations; 0 validates at the ends of phases only."
    )
    validation_pairs: int = option(
        0, "Pairs that a validation uses; 0 is for all.", lower=0
    )
    hsic: bool = option(True, "Write HSIC (Table 5) to TensorBoard at each validation.")
    checkpoint_every: int = option(500, "Steps between checkpoints.", lower=1)
    recompute: bool = option(
        False, "Compute activations again in the backward pass: slower, less memory."
    )
    jit_compile: bool = option(False, "Compile the gradient with XLA.")
    precision: str = option(
        "float32",
        "Type of the values inside the networks; weights, outputs and losses are "
        "float32 in any case.",
        choices=("float32", "mixed_bfloat16"),
    )

    def __post_init__(self):
        """Orders the branches; completes `data` with the defaults of its datasets."""
        object.__setattr__(self, "branches", checked_branches(self.branches))
        object.__setattr__(self, "data", {**default_options(), **self.data})

    @property
    def fuses_results(self) -> bool:
        """Whether the images to fuse are given: results of several methods."""
        return any(x.name == "results" for x in parse_dataset(self.dataset))

    def network_variant(self) -> Variant:
        """The variant with this recipe's choices about EGN.

        Its backbone is that of the initial weights, if there are any.

        Raises:
            InputError: the initial weights are of another kind of backbone.
        """
        chosen = RESULTS if self.fuses_results else variant(self.variant)
        if self.ensemble_blocks:
            chosen = dataclasses.replace(chosen, ensemble_blocks=self.ensemble_blocks)
        if self.init_weights:
            initial = read_variant(resolve(self.init_weights).weights()).backbone
            if initial.name != chosen.backbone.name:
                raise InputError(
                    f"Expected --init_weights of {chosen.backbone.name}, the backbone "
                    f"of {self.variant}. Received: {initial.name} in "
                    f"{self.init_weights}"
                )
            chosen = dataclasses.replace(chosen, backbone=initial)
        if chosen.egn is None:
            return chosen
        given = {
            "filters": self.egn_filters,
            "num_modules": self.egn_modules,
            "patches": self.egn_patches,
            "gate": self.egn_gate,
            "position_residual": self.egn_position_residual,
            "position_scaled": self.egn_position_scaled,
            "gradient_normalise": self.gradient_normalise,
        }
        egn = dataclasses.replace(
            chosen.egn,
            input=self.egn_input,
            implicit_stddev=self.egn_implicit_stddev,
            attention=self.egn_attention,
            **{name: value for name, value in given.items() if value is not None},
        )
        return dataclasses.replace(chosen, egn=egn if self.egn else None)

    def phase_steps(self) -> dict[str, int]:
        """The phases of this recipe in order, with their steps.

        Raises:
            InputError: there is none, or EGN is to be trained in a network without.
        """
        steps = {name: getattr(self, f"{name}_steps") for name in PHASES}
        phases = {name: count for name, count in steps.items() if count}
        if not phases:
            raise InputError(
                "Expected at least one of --backbone_steps, --egn_steps, "
                "--joint_steps and --ensemble_steps above 0. Received: 0 for all"
            )
        others = [f"--{name}_steps" for name in phases if name != "ensemble"]
        if self.fuses_results and (others or self.init_weights):
            raise InputError(
                "Expected --ensemble_steps alone with --dataset=results: there is no "
                f"network to train. Received: {(others or ['--init_weights'])[0]}"
            )
        if "egn" in phases and self.network_variant().egn is None:
            raise InputError(
                "Expected --egn_steps=0 for a network without EGN. "
                f"Received: {self.egn_steps}"
            )
        return phases

    def training_loss(self) -> Loss:
        """The loss, whose G is that of the network's EGN, or would be.

        Raises:
            InputError: --loss_weights are not as many as the loss has terms.
        """
        loss = LOSSES[self.loss]
        weights = dict(loss.weights)
        if self.loss_weights:
            if len(self.loss_weights) != len(weights):
                raise InputError(
                    f"Expected {len(weights)} numbers for --loss_weights: "
                    f"{', '.join(weights)}. Received: {len(self.loss_weights)}"
                )
            weights = dict(zip(weights, self.loss_weights, strict=True))
        if not self.gradient_loss:
            weights.pop("gradient", None)
        egn = variant(self.variant).egn
        own = egn.gradient_normalise if egn else loss.gradient_normalise
        normalise = self.gradient_normalise or own
        return Loss(weights, normalise, self.ms_ssim)


def read(path: Path) -> Recipe:
    """Reads a flag file that `egnet_tf.options.to_text` wrote of a recipe.

    Raises:
        InputError: the file is missing or has other flags.
    """
    try:
        return from_text(Recipe(), path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"Expected a recipe ({error}). Received: {path}") from error


def differences(one: Recipe, other: Recipe) -> list[str]:
    """The flags in which two recipes differ: "--name: value -> other value"."""
    return [
        f"--{old.name}: {old.text} -> {new.text}" for old, new in changes(one, other)
    ]
