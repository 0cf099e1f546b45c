"""The recipe of a training run: every number, in one frozen dataclass.

Its fields are the flags of `python -m egnet_tf.train`, its text form is a flag file:
`runs/<name>/recipe.flags` can be given back as --flagfile.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from absl import flags

from egnet_tf.data.augment import Augment
from egnet_tf.data.datasets.frames import WINDOWS
from egnet_tf.data.datasets.gopro import BLURS
from egnet_tf.data.registry import DataOptions
from egnet_tf.data.synthesis.camera_shake import MAX_EXTENT
from egnet_tf.errors import InputError
from egnet_tf.losses import LOSSES
from egnet_tf.models import VARIANTS, Variant, find_weights, read_variant, variant
from egnet_tf.models.egn import INPUTS


def _flag(default, help_text, choices=None, lower_bound=None, upper_bound=None):
    metadata = {
        "help": help_text,
        "choices": choices,
        "lower_bound": lower_bound,
        "upper_bound": upper_bound,
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a run is made of. Two runs of one recipe give the same weights."""

    # === Network ===
    variant: str = _flag("egnet", "named size of the network", choices=list(VARIANTS))
    egn: bool = _flag(True, "put EGN into the backbone (Table 4)")
    egn_input: str = _flag("gradient", "what EGN takes (Table 3)", choices=list(INPUTS))
    egn_implicit_stddev: float = _flag(
        0.02, "standard deviation of an implicit input's draw (Table 3)"
    )
    egn_attention: bool = _flag(True, "attention in EGN, or convolutions (Table 3)")

    init_weights: str = _flag(
        "", "run whose weights the first phase begins with; its backbone's sizes hold"
    )

    # === Data ===
    dataset: str = _flag("samples", "dataset, or several: see docs/data.md")
    data_dir: str = _flag("", "folder of the dataset")
    validation: str = _flag(
        "", "dataset whose test split is validated on; by default that of --dataset"
    )
    gopro_blur: str = _flag("linear", "GoPro's blur or blur_gamma", choices=list(BLURS))
    frames_blur: str = _flag("linear", "what frames averages", choices=list(BLURS))
    frames_windows: str = _flag(
        ",".join(map(str, WINDOWS)), "how many frames to average, each odd"
    )
    camera_shake_extent: float = _flag(MAX_EXTENT, "longest camera shake in pixels")
    camera_shake_sharp_fraction: float = _flag(
        0.0, "share of shake's training crops that are not shaken", upper_bound=1.0
    )
    camera_shake_max_upscale: float = _flag(
        1.0,
        "the most that shake's training crops are enlarged before, to be as soft "
        "as a camera's pixels",
    )
    crop: int = _flag(256, "side of the training crops in pixels", lower_bound=16)
    batch: int = _flag(1, "crops a step, over all devices", lower_bound=1)
    accumulate: int = _flag(
        1,
        "parts that a device takes its share of the batch in: less memory, the same "
        "gradient",
        lower_bound=1,
    )
    flips: bool = _flag(True, "flip pairs at random, both ways")
    rotate90: bool = _flag(False, "rotate pairs by multiples of 90 degrees at random")

    # === Phases: steps of each, 0 leaves it out ===
    backbone_steps: int = _flag(0, "steps of the backbone phase", lower_bound=0)
    egn_steps: int = _flag(0, "steps of the EGN phase", lower_bound=0)
    joint_steps: int = _flag(
        0, "steps of backbone and EGN together (not in the paper)", lower_bound=0
    )
    ensemble_steps: int = _flag(0, "steps of the self-ensemble phase", lower_bound=0)
    branches: str = _flag("half,whole,quarters", "what the self-ensemble fuses")

    # === Loss and optimizer ===
    loss: str = _flag(
        "egnet", "loss: the paper's, MPRNet's or PSNR", choices=list(LOSSES)
    )
    gradient_loss: bool = _flag(True, "the gradient term of the paper's loss (Table 6)")
    optimizer: str = _flag(
        "adam",
        "the last four are tensorflow-addons' and need the extra `addons`",
        choices=["adam", "adamw", "radam", "lookahead", "lamb", "swa"],
    )
    weight_decay: float = _flag(0.0, "of adamw, apart from the gradient")
    learning_rate: float = _flag(2e-4, "learning rate after the warm-up")
    final_learning_rate: float = _flag(1e-6, "learning rate at the end of a phase")
    warmup_steps: int = _flag(0, "steps from 0 to the learning rate", lower_bound=0)
    clip_norm: float = _flag(0.0, "largest global norm of a gradient, 0 for no limit")
    ema_decay: float = _flag(
        0.0,
        "validate and save a moving average of the weights, e.g. 0.999; 0 for none",
        upper_bound=0.999999,
    )
    skip_non_finite: bool = _flag(
        False, "leave out updates that are not finite, and name their images"
    )

    # === Running ===
    seed: int = _flag(1234, "of the weights, the data and their augmentation")
    validate_every: int = _flag(0, "steps between validations, 0 for phase ends only")
    validation_pairs: int = _flag(0, "pairs of a validation, 0 for all", lower_bound=0)
    hsic: bool = _flag(True, "HSIC (Table 5) in TensorBoard at each validation")
    checkpoint_every: int = _flag(500, "steps between checkpoints", lower_bound=1)
    recompute: bool = _flag(False, "trade time for memory, block by block")
    jit_compile: bool = _flag(False, "compile the gradient with XLA")
    precision: str = _flag(
        "float32",
        "type of the networks' inner values; weights, outputs, losses stay float32",
        choices=["float32", "mixed_bfloat16"],
    )

    def network_variant(self) -> Variant:
        """The variant with this recipe's choices about EGN.

        Its backbone is that of the initial weights, if there are any.

        Raises:
            InputError: the initial weights are of another kind of backbone.
        """
        chosen = variant(self.variant)
        if self.init_weights:
            initial = read_variant(find_weights(self.init_weights))
            if initial.backbone != chosen.backbone:
                raise InputError(
                    f"Expected --init_weights of {chosen.backbone}, the backbone of "
                    f"{self.variant}. Received: {initial.backbone} in "
                    f"{self.init_weights}"
                )
            chosen = dataclasses.replace(chosen, options=initial.options)
        if chosen.egn is None:
            return chosen
        egn = dataclasses.replace(
            chosen.egn,
            input=self.egn_input,
            implicit_stddev=self.egn_implicit_stddev,
            attention=self.egn_attention,
        )
        return dataclasses.replace(chosen, egn=egn if self.egn else None)

    def phase_steps(self) -> dict[str, int]:
        """The phases of this recipe in order, with their steps.

        Raises:
            InputError: there is none, or EGN is to be trained in a network without.
        """
        steps = {
            "backbone": self.backbone_steps,
            "egn": self.egn_steps,
            "joint": self.joint_steps,
            "ensemble": self.ensemble_steps,
        }
        phases = {name: count for name, count in steps.items() if count}
        if not phases:
            raise InputError(
                "Expected at least one of --backbone_steps, --egn_steps, "
                "--joint_steps and --ensemble_steps above 0. Received: 0 for all"
            )
        if "egn" in phases and self.network_variant().egn is None:
            raise InputError(
                "Expected --egn_steps=0 for a network without EGN. "
                f"Received: {self.egn_steps}"
            )
        return phases

    def loss_terms(self) -> dict:
        """The terms of the loss, see `egnet_tf.losses.stage_losses`."""
        terms = dict(LOSSES[self.loss])
        if not self.gradient_loss:
            terms.pop("gradient", None)
        return terms

    def data_options(self) -> DataOptions:
        """What else there is to say about the datasets.

        Raises:
            InputError: the windows are not numbers.
        """
        try:
            windows = tuple(int(size) for size in self.frames_windows.split(","))
        except ValueError:
            raise InputError(
                "Expected --frames_windows as whole numbers with commas between. "
                f"Received: {self.frames_windows}"
            ) from None
        return DataOptions(
            gopro_blur=self.gopro_blur,
            frames_blur=self.frames_blur,
            frames_windows=windows,
            camera_shake_extent=self.camera_shake_extent,
            camera_shake_sharp_fraction=self.camera_shake_sharp_fraction,
            camera_shake_max_upscale=self.camera_shake_max_upscale,
        )

    def augment(self) -> Augment:
        """The augmentation of training pairs."""
        return Augment(
            flips=self.flips,
            rotate90=self.rotate90,
        )

    def to_flags(self) -> str:
        """A flag file with every field, one a line."""
        return "".join(
            f"--{field.name}={_text(getattr(self, field.name))}\n"
            for field in dataclasses.fields(self)
        )


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines one flag for each field of `Recipe`."""
    for field in dataclasses.fields(Recipe):
        options = {"flag_values": flag_values}
        choices, bound = field.metadata["choices"], field.metadata["lower_bound"]
        text = field.metadata["help"]
        if choices:
            flags.DEFINE_enum(field.name, field.default, choices, text, **options)
        elif isinstance(field.default, bool):
            flags.DEFINE_bool(field.name, field.default, text, **options)
        elif isinstance(field.default, int):
            flags.DEFINE_integer(field.name, field.default, text, bound, **options)
        elif isinstance(field.default, float):
            bounds = (0.0, field.metadata["upper_bound"])
            flags.DEFINE_float(field.name, field.default, text, *bounds, **options)
        else:
            flags.DEFINE_string(field.name, field.default, text, **options)


def from_flags(flag_values: flags.FlagValues) -> Recipe:
    """The recipe that parsed flags describe."""
    names = (field.name for field in dataclasses.fields(Recipe))
    return Recipe(**{name: flag_values[name].value for name in names})


def read(path: Path) -> Recipe:
    """Reads a flag file that `Recipe.to_flags` wrote.

    Raises:
        InputError: the file is missing or has other flags.
    """
    flag_values = flags.FlagValues()
    define_flags(flag_values)
    flags.DEFINE_string("flagfile", "", "a file of flags", flag_values=flag_values)
    try:
        flag_values(["recipe", *path.read_text().splitlines()])
    except (OSError, flags.Error) as error:
        raise InputError(f"Expected a recipe ({error}). Received: {path}") from error
    return from_flags(flag_values)


def differences(one: Recipe, other: Recipe) -> list[str]:
    """The flags in which two recipes differ: "--name: value -> other value"."""
    return [
        f"--{field.name}: {_text(getattr(one, field.name))} -> "
        f"{_text(getattr(other, field.name))}"
        for field in dataclasses.fields(Recipe)
        if getattr(one, field.name) != getattr(other, field.name)
    ]


def _text(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
